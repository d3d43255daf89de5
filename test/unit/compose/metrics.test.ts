import { expect, onTestFinished, test } from "vitest";
import { openMetrics } from "#compose/metrics.ts";
import { RedisUnavailableError } from "#core/errors.ts";
import { listenForSupervisors } from "#dashboard/operations-server.ts";
import { recordingLog } from "../bots/chat-world.ts";

const ANSWERED = {
  turnId: "t1",
  domain: "legal",
  adapter: null,
  cache: "exact",
  status: "complete",
  firstTokenMs: null,
  totalMs: 40,
  replyTokens: 7,
};

test("meter() counts every event by name, passes it on, and reads the figures of replies and feedback", async () => {
  const metrics = await openMetrics();
  const { lines, log } = recordingLog();
  const metered = metrics.meter(log);

  metered.info(ANSWERED, "turn.answered");
  metered.info({ ...ANSWERED, cache: undefined, adapter: "abc", firstTokenMs: 120 }, "turn.answered");
  metered.info({ turnId: "t1", score: 5, source: "reaction" }, "feedback.collected");
  metered.info({ turnId: "t1", score: null, source: "reaction" }, "feedback.collected");
  metered.warn({ turnId: "t1" }, "reply.retried");

  const { contentType, text } = await metrics.read();
  expect(contentType).toContain("version=0.0.4");
  expect(lines).toHaveLength(5);
  for (const line of [
    'reactune_log_events_total{event="turn.answered",level="info"} 2',
    'reactune_log_events_total{event="reply.retried",level="warn"} 1',
    'reactune_reply_duration_seconds_bucket{le="0.025",domain="legal",cache="exact",adapter="no",status="complete"} 0',
    'reactune_reply_duration_seconds_bucket{le="0.05",domain="legal",cache="exact",adapter="no",status="complete"} 1',
    'reactune_reply_duration_seconds_count{domain="legal",cache="none",adapter="yes",status="complete"} 1',
    'reactune_first_token_seconds_count{domain="legal"} 1',
    'reactune_reply_tokens_total{domain="legal"} 14',
    'reactune_feedback_total{score="5",source="reaction"} 1',
    'reactune_feedback_total{score="none",source="reaction"} 1',
  ])
    expect(text).toContain(`${line}\n`);
  expect(text).toContain("process_cpu_seconds_total");
  expect(text).not.toContain("t1");
});

test("openMetrics() leaves out the figure of a server that is away, and keeps the others readable", async () => {
  const metrics = await openMetrics();
  metrics.gauge("reactune_training_jobs_queued", "Training runs that are queued", () => {
    throw new RedisUnavailableError("redis:6379", "it is not connected");
  });
  metrics.gauge("reactune_replies_waiting", "Questions that wait", () => 3);

  const { text } = await metrics.read();

  expect(text).toContain("reactune_replies_waiting 3\n");
  expect(text).not.toMatch(/^reactune_training_jobs_queued/mu);
});

test("listenForSupervisors() serves health, readiness and figures, and tells why it is not ready", async () => {
  const metrics = await openMetrics();
  metrics.gauge("reactune_replies_waiting", "Questions that wait", () => 3);
  let unready: string | undefined;
  let problem: string | undefined;
  const server = await listenForSupervisors(
    { readUnready: async () => unready, describeProblem: () => problem, readMetrics: metrics.read },
    { host: "127.0.0.1", port: 0 },
  );
  onTestFinished(() => server.close());
  const get = async (path: string) => {
    const response = await fetch(new URL(path, server.url));
    return { status: response.status, text: await response.text() };
  };

  expect(await get("/healthz")).toEqual({ status: 200, text: '{"isAlive":true}' });
  expect(await get("/readyz")).toEqual({ status: 200, text: '{"isReady":true}' });
  expect((await get("/metrics")).text).toContain("reactune_replies_waiting 3\n");
  problem = "Redis is away";
  expect(await get("/readyz")).toEqual({ status: 200, text: '{"isReady":true,"problem":"Redis is away"}' });
  unready = "the model is not loaded";
  expect(await get("/readyz")).toEqual({ status: 503, text: '{"isReady":false,"why":"the model is not loaded"}' });
  expect((await get("/api/state")).status).toBe(404);
});
