import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import type { LearningScope } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import { activateAdapter } from "#trainer/activate-adapter.ts";
import { ollamaProgram, startTestOllama } from "../fixtures/ollama/ollama-under-test.ts";
import { openGateway } from "../fixtures/ollama/open-gateway.ts";
import { openTcpProxy } from "../fixtures/ollama/tcp-proxy.ts";
import { plantAdapters } from "../fixtures/trials/data-folder.ts";
import { openServing } from "../fixtures/trials/open-serving.ts";
import { makeTrialFolder } from "../fixtures/trials/run-program.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const SCOPE: LearningScope = { workspaceId: LOCAL_WORKSPACE_ID, audience: "public", domain: "support" };
const RECOVERED_MAX_MS = 5000;

describe.skipIf(ollamaProgram === undefined)("chat on two Ollama hosts (needs ollama)", () => {
  test("answers from the base while the adapter's host is gone, says why when both are, and goes on when they are back", {
    timeout: 300_000,
  }, async () => {
    const servers = await Promise.all([startTestOllama(), startTestOllama()]);
    onTestFinished(async () => {
      for (const server of servers) await server.stop("SIGKILL");
    });
    const home = await openTcpProxy(servers[0].url);
    const gateway = await openGateway(servers[1].url);
    const other = await openTcpProxy(gateway.url);
    const data = join(makeTrialFolder(), "data");
    mkdirSync(data);
    const [digest = ""] = await plantAdapters(data, SCOPE);
    const serving = await openServing({
      data,
      settings: [
        "inference.engine=ollama",
        `inference.hosts=${home.url},${other.url}`,
        "inference.threads=1",
        "inference.replyTokensMax=16",
        "inference.contextTokens=512",
        "cache.enabled=false",
        "conversation.messagesPerMinuteMax=1000",
      ],
    });
    onTestFinished(async () => {
      await serving.close();
      await Promise.all([home.close(), other.close()]);
    });
    let asked = 0;
    const ask = (): Promise<Turn> => serving.ask(`channel-${++asked}`, `When does my refund arrive? (${asked})`).turn;

    home.cut();
    await ask(); // the other host gets its base
    home.mend();
    gateway.freeze();
    await activateAdapter(serving.activate, serving.chat.opened, digest, { by: "trial", reason: "trial" });
    await serving.chat.services.refresh();
    expect(await ask()).toMatchObject({ status: "complete", arm: { adapterDigest: digest } });

    home.cut();
    const meanwhile = await ask();
    expect(meanwhile).toMatchObject({ status: "complete", domain: { domain: "support" } });
    expect([meanwhile.arm.adapterDigest, meanwhile.provenance.adapterDigest]).toEqual([undefined, undefined]);

    other.cut();
    const nobody = serving.ask("channel-nobody", "When does my refund arrive?");
    expect(await nobody.turn).toMatchObject({ status: "failed", reply: "" });
    expect(nobody.shown.at(-1)).toContain('I could not finish the answer: Cannot reach inference engine "Ollama"');

    home.mend();
    const backAtMs = performance.now();
    let first = await ask();
    while (first.arm.adapterDigest !== digest && performance.now() - backAtMs < RECOVERED_MAX_MS) first = await ask();
    const recoveredMs = Math.round(performance.now() - backAtMs);
    expect(first).toMatchObject({ status: "complete", arm: { adapterDigest: digest } });
    tellFigures("adapter's host gone and back", { recoveredMs });
  });
});
