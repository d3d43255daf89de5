import type { SetupGiven, SetupOutcome, SetupParts } from "#dashboard/setup-records.ts";
import { type Output, printJson } from "./output.ts";
import { answeringLines, describeAnswering } from "./setup-answering.ts";
import { type SetupContext, saveUntested } from "./setup-credentials.ts";
import { NAMES } from "./setup-fields.ts";
import type { SetupPrompts } from "./setup-prompts.ts";

export interface SetupOptions {
  /** From files and standard input. */
  readonly given: SetupGiven;
  readonly isJson: boolean;
  /** Asks nothing: for scripts. */
  readonly isUnattended: boolean;
  /** False: writes without asking the platforms. */
  readonly isTested: boolean;
}

const ANSWERING = "Who answers";

/** `reactune setup`. True when what was given is stored and no platform refused it. */
export async function setUp(
  parts: { readonly setup: SetupParts; readonly context: SetupContext; readonly prompts: SetupPrompts },
  options: SetupOptions,
  output: Output,
): Promise<boolean> {
  if (!options.isUnattended) return askAndSave(parts.setup, parts.prompts);
  const outcome = options.isTested
    ? await parts.setup.save(options.given)
    : await saveUntested(parts.context, options.given);
  if (options.isJson) printJson(output, { ...outcome, envPath: parts.context.envPath });
  else printOutcome(outcome, parts.context, output);
  return outcome.isSaved;
}

async function askAndSave(setup: SetupParts, prompts: SetupPrompts): Promise<boolean> {
  const view = await setup.read();
  prompts.begin(view.envPath);
  const platforms = await prompts.choosePlatforms();
  if (platforms === undefined) return giveUp(prompts);
  const newApp = platforms.includes("slack") && view.links.slack !== undefined ? [view.links.slack] : [];
  if (newApp.length > 0) prompts.tell("No Slack app yet? This link makes one", newApp);
  for (;;) {
    const given: Record<string, string> = {};
    for (const field of view.fields.filter(({ platform }) => platforms.includes(platform))) {
      const answer = await prompts.askField(field);
      if (answer === undefined) return giveUp(prompts);
      given[field.variable] = answer;
    }
    const outcome = await prompts.during("Asking the platforms", setup.save(given));
    for (const test of outcome.tests) prompts.showTest(test);
    if (outcome.isSaved) {
      for (const [title, lines] of describeNext(outcome)) prompts.tell(title, lines);
      prompts.tell(ANSWERING, answeringLines(view.answering));
      prompts.end(`${describeSaved(outcome, view.envPath)} Start Reactune again to use it.`);
      return true;
    }
    if ((await prompts.askAgain()) !== true) return giveUp(prompts);
  }
}

function giveUp(prompts: SetupPrompts): false {
  prompts.giveUp();
  return false;
}

function printOutcome(outcome: SetupOutcome, { envPath, answering }: SetupContext, output: Output): void {
  const marks = { ok: "✓", warning: "!", failure: "✗" } as const;
  for (const { platform, findings } of outcome.tests) {
    for (const { state, found, fix } of findings) {
      output.print(`${marks[state]} ${NAMES[platform]}: ${found}`);
      if (fix !== undefined) output.print(`  -> ${fix}`);
    }
  }
  output.print(outcome.isSaved ? describeSaved(outcome, envPath) : "Nothing was written: mend what is marked ✗.");
  if (!outcome.isSaved) return;
  const about = [ANSWERING, answeringLines(describeAnswering(answering))] as const;
  for (const [title, lines] of [...describeNext(outcome), about]) {
    output.print(`${title}:`);
    for (const line of lines) output.print(`  ${line}`);
  }
}

function describeSaved({ changed, backupPath }: SetupOutcome, envPath: string): string {
  if (changed.length === 0) return `${envPath} says so already; nothing was changed.`;
  const backup = backupPath === undefined ? "" : ` The file as it was: ${backupPath}.`;
  return `Wrote ${changed.join(", ")} to ${envPath}.${backup}`;
}

function describeNext({ links, tests }: SetupOutcome): readonly (readonly [string, readonly string[]])[] {
  const has = (platform: string) => tests.some((test) => test.platform === platform) || tests.length === 0;
  const next: (readonly [string, readonly string[]])[] = [];
  if (links.discord !== undefined && has("discord"))
    next.push(["Invite the Discord bot into a server", [links.discord]]);
  if (has("slack")) next.push(["In Slack, invite the app into a channel", ["/invite @reactune"]]);
  return next;
}
