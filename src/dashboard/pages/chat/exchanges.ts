import type { TurnView } from "#dashboard/api-records.ts";
import type { Draft } from "./chat-state.ts";

/** A question with all its answers: the first one and those asked for again, oldest first. */
export interface Exchange {
  readonly key: string;
  readonly question: string;
  readonly askedAtMs: number | undefined;
  readonly conversationId: string | undefined;
  readonly versions: readonly Version[];
}

export type Version =
  | { readonly kind: "turn"; readonly key: string; readonly turn: TurnView }
  | { readonly kind: "draft"; readonly key: string; readonly draft: Draft };

/** Groups a conversation for showing: turns oldest first, then what is on its way. */
export function groupExchanges(turns: readonly TurnView[], drafts: readonly Draft[]): readonly Exchange[] {
  const rootOf = new Map<string, string>();
  const groups = new Map<string, { exchange: Omit<Exchange, "versions">; versions: Version[] }>();
  for (const turn of turns) {
    const root = (turn.regenerationOf === undefined ? undefined : rootOf.get(turn.regenerationOf)) ?? turn.id;
    rootOf.set(turn.id, root);
    const { question, askedAtMs, conversationId } = turn;
    const group = groups.get(root) ?? { exchange: { key: root, question, askedAtMs, conversationId }, versions: [] };
    group.versions.push({ kind: "turn", key: turn.id, turn });
    groups.set(root, group);
  }
  for (const draft of drafts) {
    const root = draft.regenerationOf === undefined ? undefined : rootOf.get(draft.regenerationOf);
    const version: Version = { kind: "draft", key: draft.clientMessageId, draft };
    const group = root === undefined ? undefined : groups.get(root);
    if (group === undefined) {
      const exchange = {
        key: draft.clientMessageId,
        question: draft.question,
        askedAtMs: undefined,
        conversationId: undefined,
      };
      groups.set(draft.clientMessageId, { exchange, versions: [version] });
    } else {
      group.versions.push(version);
    }
  }
  return [...groups.values()].map(({ exchange, versions }) => ({ ...exchange, versions }));
}
