/**
 * What the trials printed when each of them ran last, as docs/soak-results.json keeps it, and the page that is made of it. A run of
 * some trials replaces their results and leaves those of the others.
 */

/** In the order of the trials. Results of trials that are no more are dropped. */
export function replaceResult(trials, results, newest) {
  const all = [...results.filter(({ name }) => name !== newest.name), newest];
  return trials.flatMap(({ name }) => all.filter((result) => result.name === name));
}

export function describeResults(trials, results) {
  return `# Soak results

Written by \`npm run soak\`, which keeps the figures in [soak-results.json](soak-results.json): each trial's newest run, with its day and
commit. \`npm test\` runs the same trials with fewer rounds.

| trial | rounds run | of | tests passed | failed | left out | minutes | day | commit | machine |
|---|---|---|---|---|---|---|---|---|---|
${results.map((result) => describeResult(trials, result)).join("\n")}

${results.flatMap(({ figures }) => figures.map(describeFigures)).join("\n\n")}
`;
}

function describeResult(trials, { name, rounds, passed, failed, skipped, totalMs, day, commit, machine }) {
  const trial = trials.find((one) => one.name === name);
  const minutes = (totalMs / 60_000).toFixed(1);
  const cells = [trial.what, rounds, trial.rounds, passed, failed, skipped, minutes, day, commit, machine];
  return `| ${cells.join(" | ")} |`;
}

function describeFigures({ trial, figures }) {
  const rows = Object.entries(figures).map(([name, value]) => `| ${name} | ${value} |`);
  return `## ${trial}\n\n| figure | value |\n|---|---|\n${rows.join("\n")}`;
}
