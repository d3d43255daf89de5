// `npm run capacity`: what 1, 100, 10,000 and 1,000,000 active people need, from assumptions that --set changes.
// --set name=value (repeatable), --people 1,500, --json. Figures are from docs/verification.md and docs/benchmarks.md where it says measured.
import { parseArgs } from "node:util";
import { ASSUMPTIONS, planFor } from "./capacity/plan.mjs";

const { values } = parseArgs({
  options: {
    set: { type: "string", multiple: true, default: [] },
    people: { type: "string", default: "1,100,10000,1000000" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const problem = main();
if (problem !== undefined) {
  console.error(problem);
  process.exitCode = 1;
}

function main() {
  if (values.help) {
    console.log(
      "npm run capacity -- [--people 1,100] [--set messagesPerPersonPerDay=50]... [--json]\n\nWhat can be set:",
    );
    for (const { name, value, unit, from } of ASSUMPTIONS) console.log(`  ${name}=${value} ${unit} (${from})`);
    return undefined;
  }
  const given = new Map(values.set.map((text) => [text.split("=")[0], Number(text.slice(text.indexOf("=") + 1))]));
  for (const [name, value] of given) {
    const known = ASSUMPTIONS.find((one) => one.name === name);
    if (known === undefined) return `Cannot set "${name}": use one of ${ASSUMPTIONS.map((one) => one.name).join(", ")}`;
    if (!Number.isFinite(value) || value <= 0)
      return `Cannot set ${name}: give a number above 0, such as ${known.value}`;
  }
  const people = values.people.split(",").map(Number);
  if (!people.every((count) => Number.isInteger(count) && count > 0)) {
    return `Cannot plan for "${values.people}": give whole numbers with commas, such as 1,100`;
  }
  const assumptions = Object.fromEntries(ASSUMPTIONS.map(({ name, value }) => [name, given.get(name) ?? value]));
  const plans = people.map((count) => planFor(count, assumptions));
  if (values.json) console.log(JSON.stringify({ assumptions, plans }, null, 2));
  else printTable(people, plans);
  return undefined;
}

function printTable(people, plans) {
  const rows = plans[0].map(({ name, unit }, index) => [
    `${name}${unit === "" ? "" : `, ${unit}`}`,
    ...plans.map((plan) => format(plan[index].value)),
  ]);
  const table = [["active people a day", ...people.map(format)], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    console.log(
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  "),
    );
  }
}

function format(value) {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 1 ? 1 : 3;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
