import { lintSource } from "@secretlint/core";
import { rules } from "@secretlint/secretlint-rule-preset-recommend";

export interface MaskedText {
  readonly text: string;
  /** How many values were replaced. */
  readonly masked: number;
}

/** Replaces keys, tokens and passwords by `[secret]`. Expects texts without control characters other than tab and line feed. */
export async function maskSecrets(texts: readonly string[]): Promise<readonly MaskedText[]> {
  const masked: MaskedText[] = [];
  for (const batch of batchesOf(texts)) {
    const found = await rangesOfSecretlint(batch);
    for (const [at, text] of batch.entries()) {
      const own = OWN_RULES.flatMap((rule) => rangesOf(rule, text));
      masked.push(cut(text, merge([...(found[at] ?? []), ...own, ...rangesOfNamedValues(text)])));
    }
  }
  return masked;
}

type Range = readonly [start: number, end: number];

/**
 * Secretlint's recommended rules but the one that lets a comment in the text (`secretlint-disable`) switch the others off:
 * the text comes from outside.
 */
const LINT_RULES = rules
  .filter((rule) => rule.meta.id !== "@secretlint/secretlint-rule-filter-comments")
  .map((rule) => ({
    id: rule.meta.id,
    rule,
    ...(rule.meta.id === "@secretlint/secretlint-rule-aws" ? { options: { enableIDScanRule: true } } : {}),
  }));

/** No text holds it and no rule's white space matches it, so what is found lies inside one text. */
const BETWEEN = "\n\u0001\n";
const BATCH_CHARS = 262_144;

/**
 * Texts go to secretlint many at a time: it keeps about a hundred performance marks of every call for ever and searches them
 * at the next (100 texts one by one took 20 s inside a test runner).
 */
function* batchesOf(texts: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = [];
  let characters = 0;
  for (const text of texts) {
    if (batch.length > 0 && characters + text.length > BATCH_CHARS) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push(text);
    characters += text.length + BETWEEN.length;
  }
  if (batch.length > 0) yield batch;
}

/** What was found in each text. A private key that seems to reach from one text into another is left to our own rule. */
async function rangesOfSecretlint(batch: readonly string[]): Promise<readonly (readonly Range[])[]> {
  const result = await lintSource({
    source: { filePath: "rows.txt", ext: ".txt", contentType: "text", content: batch.join(BETWEEN) },
    options: { config: { rules: LINT_RULES }, noPhysicFilePath: true },
  });
  const found = result.messages.map(({ range: [start, end] }): Range => [start, end]).sort((a, b) => a[0] - b[0]);
  let at = 0;
  let start = 0;
  return batch.map((text) => {
    const end = start + text.length;
    const inside: Range[] = [];
    for (let next = found[at]; next !== undefined && next[0] < end; next = found[++at]) {
      if (next[1] <= end) inside.push([next[0] - start, next[1] - start]);
    }
    start = end + BETWEEN.length;
    return inside;
  });
}

/** Forms that the library does not know or knows only inside configuration files. A group named `secret` narrows the mask. */
const OWN_RULES: readonly RegExp[] = [
  // Discord bot tokens: base64 of a numeric id, a timestamp, a signature.
  /(?<![\w-])[MNO][A-Za-z\d_-]{22,28}\.[\w-]{6,7}\.[\w-]{27,45}(?![\w-])/gu,
  /discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/\d{15,21}\/(?<secret>[\w-]{40,100})/dgu,
  /hooks\.slack\.com\/(?:services|workflows)\/(?<secret>T[\w/]{20,100})/dgu,
  // A PEM block, also one that was cut.
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?/gu,
  // JSON web tokens.
  /(?<![\w-])eyJ[\w-]{8,4096}\.eyJ[\w-]{8,4096}\.[\w-]{10,4096}/gu,
  // Google API keys, Stripe, OpenAI-compatible, Telegram.
  /(?<![\w-])AIza[\w-]{35}(?![\w-])/gu,
  /(?<![\w-])(?:[sr]k_(?:live|test)|whsec)_[A-Za-z\d]{16,200}/gu,
  /(?<![\w-])sk-(?:proj-|svcacct-|or-v1-)?[A-Za-z\d_-]{24,200}(?![\w-])/gu,
  /(?<![\w-])\d{8,10}:[A-Za-z\d_-]{35}(?![\w-])/gu,
  /(?<![A-Za-z\d])(?:AKIA|ASIA)[A-Z\d]{16}(?![A-Za-z\d])/gu,
  /\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|redis|rediss|amqps?|mssql|https?|ftp|ssh):\/\/[^\s:/@]{0,100}:(?<secret>[^\s/@]{1,200})@/dgiu,
  /\bBearer\s+(?<secret>[A-Za-z\d._~+/-]{20,4096}=*)/dgu,
];

/**
 * "my password is hunter2x": the value must hold a digit or a symbol beside letters, or every manual that says
 * "password: required" would lose words.
 */
const NAMED_VALUE =
  /\b(?:password|passwd|passphrase|pwd|senha|palavra-passe|api[ _-]?key|access[ _-]?key|secret[ _-]?key|client[ _-]?secret|auth[ _-]?token)\b["']?\s{0,3}(?:is|é|:|=>?)\s{0,3}["'`]?(?<secret>[^\s"'`,;]{6,200})/dgiu;

function rangesOf(rule: RegExp, text: string): readonly Range[] {
  return [...text.matchAll(rule)].map((match) => {
    const group = match.indices?.groups?.["secret"];
    return group === undefined ? [match.index, match.index + match[0].length] : [group[0], group[1]];
  });
}

function rangesOfNamedValues(text: string): readonly Range[] {
  return rangesOf(NAMED_VALUE, text)
    .map(([start, end]): Range => [start, start + text.slice(start, end).replace(/[.!?)\]}>]+$/u, "").length])
    .filter(([start, end]) => looksInvented(text.slice(start, end)));
}

function looksInvented(value: string): boolean {
  return value.length >= 6 && /\p{L}/u.test(value) && /[\p{N}!@#$%^&*+~]/u.test(value) && !/[(){}[\]<>]/u.test(value);
}

function merge(ranges: readonly Range[]): readonly Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last === undefined || range[0] > last[1]) merged.push(range);
    else merged[merged.length - 1] = [last[0], Math.max(last[1], range[1])];
  }
  return merged;
}

function cut(text: string, ranges: readonly Range[]): MaskedText {
  let at = 0;
  let masked = "";
  for (const [start, end] of ranges) {
    masked += `${text.slice(at, start)}[secret]`;
    at = end;
  }
  return { text: masked + text.slice(at), masked: ranges.length };
}
