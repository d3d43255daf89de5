import { z } from "zod";
import { InferenceUnavailableError } from "#core/errors.ts";
import type { Moderator } from "#inference/moderator.ts";

export interface ModerationOptions {
  /** Of the server's API, without `/moderations`. */
  readonly url: string;
  readonly model: string;
  readonly key?: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

const answerSchema = z.object({
  results: z.array(z.object({ flagged: z.boolean(), categories: z.record(z.string(), z.unknown()) })).min(1),
});

/** The moderation endpoint that OpenAI defined and others offer too. */
export function openAiModerator({ url, model, key, timeoutMs = TIMEOUT_MS }: ModerationOptions): Moderator {
  const endpoint = new URL("moderations", url.endsWith("/") ? url : `${url}/`);
  const headers = {
    "content-type": "application/json",
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  return {
    async judge(text, signal) {
      try {
        const response = await fetch(endpoint, {
          method: "POST",
          headers,
          body: JSON.stringify({ model, input: text }),
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
          redirect: "error",
        });
        if (!response.ok) throw new Error(`HTTP ${response.status}`);
        const { results } = answerSchema.parse(await response.json());
        const found = results.flatMap(({ categories }) => Object.entries(categories));
        const categories = new Set(found.flatMap(([category, isFound]) => (isFound === true ? [category] : [])));
        return { isFlagged: results.some(({ flagged }) => flagged), categories: [...categories].toSorted() };
      } catch (cause) {
        signal.throwIfAborted();
        throw new InferenceUnavailableError("moderation", { cause });
      }
    },
  };
}
