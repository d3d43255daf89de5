import {
  type APIActionRowComponent,
  type APIButtonComponentWithCustomId,
  type APIComponentInMessageActionRow,
  ButtonStyle,
  ComponentType,
} from "discord.js";
import type { ReplyAction, ReplyPart } from "#bots/platform-connector.ts";
import type { Score } from "#core/feedback.ts";
import { replyCustomId } from "./custom-id.ts";

export type Row = APIActionRowComponent<APIComponentInMessageActionRow>;

const SCORES: readonly Score[] = [1, 2, 3, 4, 5];

/** The buttons under a part of a reply. `emoji` is what the place counts as feedback. */
export function replyRows(
  part: Pick<ReplyPart, "actions" | "askerId">,
  key: string,
  emoji: ReadonlyMap<string, Score>,
): Row[] {
  const button = (action: ReplyAction, score: Score | undefined, look: ButtonLook): APIButtonComponentWithCustomId => ({
    type: ComponentType.Button,
    style: ButtonStyle.Secondary,
    custom_id: replyCustomId(action, score, part.askerId, key),
    ...look,
  });
  const rates = part.actions.includes("rate")
    ? SCORES.map((score) => button("rate", score, lookOfScore(score, emoji)))
    : [];
  const acts = part.actions.flatMap((action) => (action === "rate" ? [] : [button(action, undefined, LOOKS[action])]));
  return [rates, acts].flatMap((components) =>
    components.length === 0 ? [] : [{ type: ComponentType.ActionRow, components }],
  );
}

type ButtonLook = Pick<APIButtonComponentWithCustomId, "label" | "emoji">;

const LOOKS: Readonly<Record<Exclude<ReplyAction, "rate">, ButtonLook>> = {
  stop: { label: "Stop", emoji: { name: "⏹️" } },
  regenerate: { label: "Regenerate", emoji: { name: "🔄" } },
  report: { label: "Report", emoji: { name: "🚩" } },
};

function lookOfScore(score: Score, emoji: ReadonlyMap<string, Score>): ButtonLook {
  for (const [name, of] of emoji) if (of === score && isUnicodeEmoji(name)) return { emoji: { name } };
  return { label: String(score) };
}

function isUnicodeEmoji(name: string): boolean {
  return /^\p{Extended_Pictographic}/u.test(name);
}
