/** What set-up on the web says, in JSON. A stored credential is never among it. */

export interface SetupView {
  /** The file that credentials are written to. */
  readonly envPath: string;
  readonly fields: readonly SetupFieldView[];
  readonly links: SetupLinks;
  readonly answering: SetupAnswering;
}

/** Whose model answers. Chosen by settings, not by set-up. */
export interface SetupAnswering {
  readonly now: string;
  readonly choices: readonly AnsweringChoice[];
  /** Where more stands. */
  readonly guide: string;
}

export interface AnsweringChoice {
  readonly who: string;
  /** What to set. */
  readonly how: string;
  readonly takesAdapters: boolean;
}

export interface SetupFieldView {
  readonly variable: string;
  readonly platform: "discord" | "slack";
  readonly label: string;
  readonly help: string;
  readonly isSecret: boolean;
  readonly isOptional: boolean;
  /** "set (72 characters) in .env"; undefined when it is not set. */
  readonly shown?: string;
  /** Why set-up cannot change it: a stronger source gives it. */
  readonly fixedBy?: string;
}

export interface SetupLinks {
  readonly discord?: string;
  readonly discordForPerson?: string;
  readonly slack?: string;
}

export interface SetupTest {
  readonly platform: "discord" | "slack";
  /** The platform said no, or something is missing. What could not be tested is not refused. */
  readonly isRefused: boolean;
  readonly findings: readonly SetupFinding[];
}

export interface SetupFinding {
  readonly state: "ok" | "warning" | "failure";
  readonly found: string;
  readonly fix?: string;
}

export interface SetupOutcome {
  readonly isSaved: boolean;
  /** Variables that got another value; empty when nothing differed. */
  readonly changed: readonly string[];
  readonly backupPath?: string;
  readonly tests: readonly SetupTest[];
  readonly links: SetupLinks;
}

/** By variable; blank or missing keeps what is stored. */
export type SetupGiven = Readonly<Record<string, string | undefined>>;

/** The use cases behind set-up, the same for the terminal and the web. */
export interface SetupParts {
  read(): Promise<SetupView>;
  /** With what is stored where nothing is given. Rejects with SettingInvalidError when a value cannot be right. */
  test(given: SetupGiven): Promise<readonly SetupTest[]>;
  /** Tests, then writes unless a platform refused. Rejects as `test`, and with EnvFileRefusedError. */
  save(given: SetupGiven): Promise<SetupOutcome>;
}
