import * as z from "zod";
import { HostOutageError } from "../host-pool.ts";
import { watchSilence } from "../silence-watch.ts";
import { type ApiOptions, callApi, outageOf } from "./openai-api.ts";
import { readEvents } from "./read-events.ts";

export interface StreamPiece {
  readonly text: string;
  /** Of the reply so far: pieces, until the server tells the tokens. */
  readonly replyTokens: number;
  readonly promptTokens?: number;
  /** With the last piece only. */
  readonly endedBy?: "stop" | "length";
}

export interface StreamLimits {
  /** Longest wait for the first token, and from one token to the next. */
  readonly firstTokenMaxMs: number;
  readonly nextTokenMaxMs: number;
}

/** Chat and text completions differ in where the text stands. */
const Choice = z.object({
  text: z.string().optional(),
  delta: z.object({ content: z.string().nullish() }).optional(),
  finish_reason: z.string().nullish(),
});
const Chunk = z.object({
  choices: z.array(Choice).default([]),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int() }).nullish(),
});

/** Rejects with HostOutageError when the host fails, falls silent or stops midway, with ApiRefusalError when it says no. */
export async function* streamCompletion(
  api: ApiOptions,
  path: "/chat/completions" | "/completions",
  body: Readonly<Record<string, unknown>>,
  limits: StreamLimits,
  signal: AbortSignal,
): AsyncGenerator<StreamPiece, void, undefined> {
  const watch = watchSilence(limits.firstTokenMaxMs);
  const combined = AbortSignal.any([signal, watch.signal]);
  let pieces = 0;
  let finish: string | undefined;
  let usage: z.infer<typeof Chunk>["usage"];
  try {
    const request = { ...body, stream: true, stream_options: { include_usage: true } };
    const response = await callApi(api, path, request, combined);
    if (response.body === null) throw new Error("The answer has no body");
    for await (const data of readEvents(response.body)) {
      watch.again(limits.nextTokenMaxMs);
      if (data === "[DONE]") break;
      const chunk = Chunk.parse(JSON.parse(data));
      usage = chunk.usage ?? usage;
      const [choice] = chunk.choices;
      finish = choice?.finish_reason ?? finish;
      const text = choice?.text ?? choice?.delta?.content ?? "";
      if (text === "") continue;
      pieces += 1;
      yield { text, replyTokens: pieces };
    }
    if (finish === undefined) throw new HostOutageError("The stream ended before the reply did");
  } catch (cause) {
    throw outageOf(cause, combined);
  } finally {
    watch.stop();
  }
  yield {
    text: "",
    replyTokens: usage?.completion_tokens ?? pieces,
    ...(usage === undefined || usage === null ? {} : { promptTokens: usage.prompt_tokens }),
    endedBy: finish === "length" ? "length" : "stop",
  };
}
