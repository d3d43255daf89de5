import pc from "picocolors";
import { type CriterionId, LIGHT_EMOJI, type Light } from "#core/readiness.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { DomainReadiness } from "#trainer/read-readiness.ts";
import { drawBar, type Output, printJson } from "./output.ts";

const CRITERION_LABELS = {
  conversations: "conversations",
  messages: "messages",
  feedback: "scored replies",
  scoreMean: "mean score",
  examples: "usable examples",
  raters: "people who scored",
  newExamples: "new examples",
} as const satisfies Record<CriterionId, string>;

const LIGHT_WORDS = { red: "not ready", yellow: "getting there", green: "ready to train" } as const satisfies Record<
  Light,
  string
>;

/** `reactune readiness`: bars per domain and what is missing. */
export function showReadiness(
  readiness: readonly DomainReadiness[],
  /** `note`: why nothing is trained although a domain may be ready. */
  options: { readonly isJson: boolean; readonly note?: string },
  output: Output,
): void {
  if (options.isJson) {
    printJson(
      output,
      readiness.map(({ domain, readiness: judged }) => ({ domain, ...judged })),
    );
    return;
  }
  for (const item of readiness) for (const line of drawReadiness(item)) output.print(line);
  if (options.note !== undefined) output.print(pc.yellow(`No training: ${options.note}`));
  output.print(
    pc.dim("Aim at 20 liked conversations and 100 rated messages in a domain: that is where adapters get good."),
  );
}

function drawReadiness({ domain, readiness }: DomainReadiness): readonly string[] {
  const name = domain === ALL_DOMAINS ? "workspace as a whole" : domain;
  return [
    `${LIGHT_EMOJI[readiness.light]} ${pc.bold(name)}  ${LIGHT_WORDS[readiness.light]}`,
    ...readiness.criteria.map(({ id, value, threshold, progress, isMet }) => {
      const label = CRITERION_LABELS[id].padEnd(18);
      const figures = `${round(value)} / ${round(threshold)}`;
      const bar = drawBar(progress);
      return `   ${label} ${isMet ? pc.green(bar) : pc.yellow(bar)} ${figures}`;
    }),
    ...readiness.missing.map((advice) => pc.dim(`   → ${advice}`)),
    "",
  ];
}

function round(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
