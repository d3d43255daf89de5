import type { Readable, Writable } from "node:stream";
import {
  cancel,
  confirm,
  intro,
  isCancel,
  log,
  multiselect,
  note,
  outro,
  password,
  spinner,
  text,
} from "@clack/prompts";
import type { SetupFieldView, SetupTest } from "#dashboard/setup-records.ts";
import { CHAT_PLATFORMS, type ChatPlatform, describeMisfit, NAMES, SETUP_VARIABLES } from "./setup-fields.ts";

/** Questions of set-up on a terminal. Each answer is undefined when the person gave up (Ctrl+C, Escape). */
export interface SetupPrompts {
  begin(envPath: string): void;
  choosePlatforms(): Promise<readonly ChatPlatform[] | undefined>;
  /** Blank keeps what is stored. */
  askField(field: SetupFieldView): Promise<string | undefined>;
  askAgain(): Promise<boolean | undefined>;
  /** While `work` goes on something moves. */
  during<T>(words: string, work: Promise<T>): Promise<T>;
  showTest(test: SetupTest): void;
  tell(title: string, lines: readonly string[]): void;
  end(words: string): void;
  giveUp(): void;
}

export function openSetupPrompts(input: Readable, output: Writable): SetupPrompts {
  const streams = { input, output };
  return {
    begin(envPath) {
      intro("Reactune: Discord and Slack", { output });
      log.message(`Credentials go to ${envPath}; they are shown nowhere.`, { output });
    },
    async choosePlatforms() {
      const options = CHAT_PLATFORMS.map((value) => ({ value, label: NAMES[value] }));
      return unlessCancelled(await multiselect({ message: "Which platforms?", options, required: true, ...streams }));
    },
    async askField(field) {
      if (field.fixedBy !== undefined) {
        log.info(`${field.label}: ${field.shown ?? "set"}; it can be changed only there`, { output });
        return "";
      }
      const keeps = field.shown === undefined ? "" : ` [${field.shown}; Enter keeps it]`;
      const optional = field.isOptional ? " (optional)" : "";
      const message = `${field.label}${optional}${keeps}\n${field.help}`;
      const validate = (value: string | undefined) => {
        const variable = SETUP_VARIABLES.find((name) => name === field.variable);
        const given = value?.trim() ?? "";
        return given === "" || variable === undefined ? undefined : describeMisfit(variable, given);
      };
      const answer = field.isSecret
        ? await password({ message, validate, ...streams })
        : await text({ message, validate, ...streams });
      return unlessCancelled(answer) ?? (isCancel(answer) ? undefined : "");
    },
    async askAgain() {
      return unlessCancelled(await confirm({ message: "Enter the credentials again?", ...streams }));
    },
    async during(words, work) {
      const turning = spinner({ output });
      turning.start(words);
      try {
        return await work;
      } finally {
        turning.stop(words);
      }
    },
    showTest({ findings }) {
      for (const { state, found, fix } of findings) {
        const words = fix === undefined ? found : `${found}\n-> ${fix}`;
        if (state === "ok") log.success(words, { output });
        else if (state === "warning") log.warn(words, { output });
        else log.error(words, { output });
      }
    },
    // Links have to stay whole to be clicked, which a box would not let them.
    tell: (title, lines) => note(lines.join("\n"), title, { output, format: (line) => line }),
    end: (words) => outro(words, { output }),
    giveUp: () => cancel("Nothing was changed.", { output }),
  };
}

function unlessCancelled<T>(answer: T): Exclude<T, symbol> | undefined {
  return isCancel(answer) ? undefined : (answer as Exclude<T, symbol>);
}
