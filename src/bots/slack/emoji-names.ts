/** Slack knows emoji by name. Those that feedback is given with; a name stands for itself. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["😞", "disappointed"],
  ["😕", "confused"],
  ["😐", "neutral_face"],
  ["🙂", "slightly_smiling_face"],
  ["😍", "heart_eyes"],
  ["👍", "+1"],
  ["👎", "-1"],
  ["❤️", "heart"],
  ["❤", "heart"],
]);

/** Undefined: Slack has no such emoji, or its name is not known here. */
export function emojiName(emoji: string): string | undefined {
  const known = NAMES.get(emoji);
  if (known !== undefined) return known;
  const name = emoji.replace(/^:(.+):$/, "$1");
  return /^[a-z0-9_+'-]{1,100}$/.test(name) ? name : undefined;
}
