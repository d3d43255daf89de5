import * as z from "zod";
import type { Sampling } from "../inference-engine.ts";
import { watchSilence } from "../silence-watch.ts";
import { askIfThere, openOllamaClient, outageOf } from "./ollama-api.ts";
import { keepAlive, type RunnerSettings, runnerOptions, samplingOptions } from "./ollama-options.ts";

export interface StreamRequest {
  readonly model: string;
  readonly prompt: string;
  /** Those that the prompt has marks for. */
  readonly images: readonly Uint8Array[];
  readonly stopTexts: readonly string[];
  readonly sampling: Sampling;
  readonly replyTokensMax: number;
  readonly runner: RunnerSettings;
  /** Longest wait for the first token (loading included), and from one token to the next. */
  readonly firstTokenMaxMs: number;
  readonly nextTokenMaxMs: number;
}

export interface StreamPiece {
  readonly text: string;
  /** Of the reply so far, the token that ended it not counted. */
  readonly replyTokens: number;
  /** With the last piece only. */
  readonly endedBy?: "stop" | "length";
}

const Piece = z.object({
  response: z.string().default(""),
  done: z.boolean(),
  done_reason: z.string().optional(),
  eval_count: z.int().default(0),
});

/**
 * How the package tells of a stream that was closed in order but had no end: Ollama gave up on a model that said the same
 * token 30 times. A host that dies breaks the connection instead.
 */
const GIVEN_UP = /^Did not receive done/;

/** Also a host whose processors are all at work says its version within this time. */
const ASK_TIMEOUT_MS = 4000;

/** Rejects with HostOutageError when the host fails or falls silent, with OllamaRefusalError when it says no. */
export async function* streamReply(
  url: string,
  request: StreamRequest,
  signal: AbortSignal,
): AsyncGenerator<StreamPiece, void, undefined> {
  const watch = watchSilence(request.firstTokenMaxMs, () => askIfThere(url, AbortSignal.timeout(ASK_TIMEOUT_MS)));
  const combined = AbortSignal.any([signal, watch.signal]);
  let pieces = 0;
  try {
    const answer = await openOllamaClient(url, combined).generate({
      model: request.model,
      prompt: request.prompt,
      raw: true,
      ...(request.images.length === 0
        ? {}
        : { images: request.images.map((image) => Buffer.from(image).toString("base64")) }),
      stream: true,
      keep_alive: keepAlive(request.runner),
      options: {
        ...runnerOptions(request.runner),
        ...samplingOptions(request.sampling, request.replyTokensMax, request.stopTexts),
      },
    });
    for await (const item of answer) {
      watch.again(request.nextTokenMaxMs);
      const piece = Piece.parse(item);
      if (piece.done) {
        yield endOf(piece, pieces);
        return;
      }
      pieces += 1;
      yield { text: piece.response, replyTokens: pieces };
    }
  } catch (cause) {
    if (combined.aborted || !(cause instanceof Error && GIVEN_UP.test(cause.message))) throw outageOf(cause, combined);
    yield { text: "", replyTokens: pieces, endedBy: "length" };
  } finally {
    watch.stop();
  }
}

/** Evaluated tokens include the one that ends the turn; pieces are tokens, but for characters of several tokens. */
function endOf(piece: z.infer<typeof Piece>, pieces: number): StreamPiece {
  if (piece.done_reason === "length") return { text: piece.response, replyTokens: piece.eval_count, endedBy: "length" };
  return { text: piece.response, replyTokens: Math.max(pieces, piece.eval_count - 1), endedBy: "stop" };
}
