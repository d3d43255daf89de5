import type { Log } from "#core/log.ts";
import type { Moderator } from "#inference/moderator.ts";
import type { EndedReply } from "./generate-reply.ts";
import { heldBack, maskBlockedWords } from "./moderate-reply.ts";

/** What may be seen of one reply. What is stored is what was seen. */
export interface OutputFilter {
  /** Of a growing text; "" while nothing may be shown. */
  growing(text: string): string;
  /** The reply as it may be shown and stored. Withheld when the moderator objects or cannot be asked. */
  ended(reply: EndedReply): Promise<EndedReply>;
}

export interface FilterParts {
  readonly blockedWords: readonly string[];
  /** Undefined: nobody judges. */
  readonly moderator?: Moderator;
  readonly log: Log;
}

export function createOutputFilter({ blockedWords, moderator, log }: FilterParts): OutputFilter {
  return {
    growing(text) {
      if (moderator !== undefined) return "";
      if (blockedWords.length === 0) return text;
      return maskBlockedWords(text.slice(0, text.length - heldBack(text, blockedWords)), blockedWords);
    },
    async ended({ turn, shown }) {
      if (moderator !== undefined && turn.reply !== "") {
        const objection = await judge(moderator, log, turn.id, turn.reply);
        if (objection !== undefined) return { turn: { ...turn, reply: "", status: "failed" }, shown: objection };
      }
      if (blockedWords.length === 0) return { turn, shown };
      return {
        turn: { ...turn, reply: maskBlockedWords(turn.reply, blockedWords) },
        shown: maskBlockedWords(shown, blockedWords),
      };
    },
  };
}

/** However long a moderator takes by itself. A reply that was stopped is judged all the same, since its words stay. */
const JUDGE_TIMEOUT_MS = 30_000;

const WITHHELD = "I wrote an answer that may not be shown here. Please ask in other words.";
const UNCHECKED = "I could not check my answer, so I do not show it. Please ask again later.";

/** What to say in place of the reply; undefined when it may be shown. A moderator that is away lets nothing pass. */
async function judge(moderator: Moderator, log: Log, turnId: string, reply: string): Promise<string | undefined> {
  try {
    const { isFlagged, categories } = await moderator.judge(reply, AbortSignal.timeout(JUDGE_TIMEOUT_MS));
    if (!isFlagged) return undefined;
    log.warn({ turnId, categories }, "reply.withheld");
    return WITHHELD;
  } catch (error) {
    log.error({ turnId, err: error }, "moderation.failed");
    return UNCHECKED;
  }
}
