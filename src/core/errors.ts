/**
 * Expected failures. Each has a `code` for programs, a `hint` for the operator and keeps its `cause`.
 * Anything else that is thrown is a bug and ends the process.
 */
export abstract class OperatingError extends Error {
  abstract readonly code: string;
  /** What the operator should do next, ending in a command or a setting where there is one. */
  abstract readonly hint: string;

  override get name(): string {
    return this.constructor.name;
  }
}

export class ConfigInvalidError extends OperatingError {
  readonly code = "CONFIG_INVALID";
  readonly hint = "Mend the settings named above; `reactune config show` lists every setting with its source";
  /** One line per wrong setting: key, value, source, remedy. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(`Cannot read the configuration: ${problems.join("; ")}`, options);
    this.problems = problems;
  }
}

export class StoreTooNewError extends OperatingError {
  readonly code = "STORE_TOO_NEW";
  readonly hint = "Start the version of Reactune that wrote this data, or a newer one; nothing was changed";

  constructor(what: string, found: number, known: number) {
    super(`Cannot read ${what}: its version is ${found} and this program knows up to ${known}`);
  }
}

export class RecordInvalidError extends OperatingError {
  readonly code = "RECORD_INVALID";
  readonly hint = "Restore the data from an export, or report this with the record's kind and id";

  constructor(kind: string, id: string, options?: ErrorOptions) {
    super(`Cannot read ${kind} "${id}": its fields do not fit the schema`, options);
  }
}

/** Feedback came for a turn that is not stored, or was erased meanwhile. */
export class TurnUnknownError extends OperatingError {
  readonly code = "TURN_UNKNOWN";
  readonly hint = "Ask again: the reply that was meant is not stored, or its words were erased";

  constructor(turnId: string) {
    super(`Cannot put feedback on turn "${turnId}": it is not stored or was erased`);
  }
}

export class StoreBusyError extends OperatingError {
  readonly code = "STORE_BUSY";
  readonly hint = "Try again; where it happens often, look for another program that has the file open, or a slow disk";

  constructor(busyMs: number, options?: ErrorOptions) {
    super(`Cannot use the store: another process has been writing for more than ${busyMs} ms`, options);
  }
}

export class ImportUnfinishedError extends OperatingError {
  readonly code = "IMPORT_UNFINISHED";
  readonly hint = "Wait until it has ended; one that was stopped is ended by the next start";

  constructor(options?: ErrorOptions) {
    super("Cannot export the records: an import into this store has not ended", options);
  }
}

export class RedisUnavailableError extends OperatingError {
  readonly code = "REDIS_UNAVAILABLE";
  readonly hint =
    "Look whether the server runs and REDIS_URL is right, its user's rights too (docs/operating.md); `reactune doctor` tries it";

  /** Without a cause: the driver's errors carry their commands, with people's words and the password. */
  constructor(hosts: string, why: string) {
    super(`Cannot use Redis at ${hosts}: ${why}`);
  }
}

export class InferenceUnavailableError extends OperatingError {
  readonly code = "INFERENCE_UNAVAILABLE";
  readonly hint = "Run `reactune doctor`; it checks the model file, the memory and the servers";

  constructor(engine: string, options?: ErrorOptions, why = "it did not answer") {
    super(`Cannot reach inference engine "${engine}": ${why}`, options);
  }
}

/** After its first token a reply is never begun anew: nobody reads two beginnings. */
export class ReplyBrokenOffError extends OperatingError {
  readonly code = "REPLY_BROKEN_OFF";
  readonly hint = "Ask again; `reactune doctor` checks the servers";

  constructor(engine: string, options?: ErrorOptions) {
    super(`Cannot finish the reply: inference engine "${engine}" broke off`, options);
  }
}

export class QueueFullError extends OperatingError {
  readonly code = "QUEUE_FULL";
  readonly hint = "Wait a moment, or raise inference.queueMax or inference.parallelStreams";

  constructor(waiting: number) {
    super(`Cannot accept the message: ${waiting} others are waiting`);
  }
}

export class ModelNotFoundError extends OperatingError {
  readonly code = "MODEL_NOT_FOUND";
  readonly hint: string;

  /** `ollama:NAME` is a model that somebody pulls, anything else a file. */
  constructor(model: string, options?: ErrorOptions) {
    const pulled = /^ollama:(.+)$/su.exec(model)?.[1];
    const found = pulled === undefined ? "the file is not there or is not a GGUF file" : "this version is not there";
    super(`Cannot load model "${model}": ${found}`, options);
    this.hint =
      pulled === undefined
        ? "Run `npm start` once to install the default model, or pass --model with the path of a GGUF file"
        : `Run \`ollama pull ${pulled}\` on every host. This machine reads its file too: OLLAMA_MODELS names the folder`;
  }
}

export class AdapterRefusedError extends OperatingError {
  readonly code = "ADAPTER_REFUSED";
  readonly hint =
    "Train a new adapter with `reactune train <domain>`; files that this store did not make are never loaded";

  constructor(digest: string, why: string, options?: ErrorOptions) {
    super(`Cannot load adapter "${digest.slice(0, 12)}": ${why}`, options);
  }
}

export class DatasetRefusedError extends OperatingError {
  readonly code = "DATASET_REFUSED";
  readonly hint = "Look who can write to the database; `reactune train <domain>` collects the data set anew";

  constructor(digest: string, why: string, options?: ErrorOptions) {
    super(`Cannot train on data set "${digest.slice(0, 12)}": ${why}`, options);
  }
}

export class AdapterNotFoundError extends OperatingError {
  readonly code = "ADAPTER_NOT_FOUND";
  readonly hint = "See what there is: `/adapters` in chat, or `reactune adapters list`";

  constructor(what: string) {
    super(`Cannot find adapter "${what}"`);
  }
}

export class DomainUnknownError extends OperatingError {
  readonly code = "DOMAIN_UNKNOWN";
  readonly hint: string;

  constructor(domain: string, known: readonly string[]) {
    super(`Cannot find domain "${domain}"`);
    this.hint = `Use one of: ${known.join(", ")}`;
  }
}

export class NotReadyError extends OperatingError {
  readonly code = "NOT_READY";
  readonly hint = "Run `reactune readiness` to see what is missing";

  constructor(domain: string, light: string) {
    super(`Cannot train domain "${domain}": readiness is ${light}`);
  }
}

export class LearningNotAllowedError extends OperatingError {
  readonly code = "LEARNING_NOT_ALLOWED";
  readonly hint = "An admin of the workspace reads the wording and allows it with /learning allow adapters";

  /** `level` is what the workspace allows now. */
  constructor(doing: string, level: string) {
    super(`Cannot ${doing}: the workspace's learning permission is "${level}"`);
  }
}

export class TrainingUnavailableError extends OperatingError {
  readonly code = "TRAINING_UNAVAILABLE";
  readonly hint: string;

  constructor(why: string, hint: string, options?: ErrorOptions) {
    super(`Cannot train: ${why}`, options);
    this.hint = hint;
  }
}

export class TrainingFailedError extends OperatingError {
  readonly code = "TRAINING_FAILED";
  readonly hint: string;
  readonly runId: string;

  constructor(runId: string, why: string, hint: string, options?: ErrorOptions) {
    super(`Cannot finish training run "${runId}": ${why}`, options);
    this.runId = runId;
    this.hint = hint;
  }
}

export class ServiceConflictError extends OperatingError {
  readonly code = "SERVICE_CONFLICT";
  readonly hint =
    "Somebody changed what is in service at the same time; look with `/adapters` (or `reactune adapters list`) and try again";

  constructor(scope: string) {
    super(`Cannot change what is in service for "${scope}": it was changed meanwhile`);
  }
}

/** A chat platform said no, and would again. */
export class PlatformRefusedError extends OperatingError {
  readonly code = "PLATFORM_REFUSED";
  readonly hint: string;
  /** What was refused: `gone` when the message or channel is no more. */
  readonly reason: "permission" | "gone" | "credentials" | "invalid";

  constructor(what: string, reason: PlatformRefusedError["reason"], hint: string, options?: ErrorOptions) {
    super(`Cannot ${what}`, options);
    this.reason = reason;
    this.hint = hint;
  }
}

export class SettingInvalidError extends OperatingError {
  readonly code = "SETTING_INVALID";
  readonly hint: string;

  constructor(key: string, problem: string, hint: string) {
    super(`Cannot change setting "${key}": ${problem}`);
    this.hint = hint;
  }
}

export class ImportInvalidError extends OperatingError {
  readonly code = "IMPORT_INVALID";
  readonly hint = "Use a file written by `reactune export`; nothing was imported";

  constructor(line: number, why: string, options?: ErrorOptions) {
    super(`Cannot import line ${line}: ${why}`, options);
  }
}

export class BackupInvalidError extends OperatingError {
  readonly code = "BACKUP_INVALID";
  readonly hint = "Use another backup, or copy this one again; nothing was restored";

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`Cannot restore "${path}": ${why}`, options);
  }
}

export class BackupTargetError extends OperatingError {
  readonly code = "BACKUP_TARGET";
  readonly hint = "Name a file that is not there yet, for instance with the date in its name";

  constructor(path: string) {
    super(`Cannot write the backup to "${path}": it is there already`);
  }
}

export class FileRefusedError extends OperatingError {
  readonly code = "FILE_REFUSED";
  readonly hint =
    "Name another file, or mend the folder, its rights or its space; `reactune doctor` looks at the data folder";

  /** `path` is undefined where the system does not say which. */
  constructor(path: string | undefined, why: string, options?: ErrorOptions) {
    super(`Cannot use ${path === undefined ? "a file" : `"${path}"`}: ${why}`, options);
  }
}

const FILE_REFUSALS: ReadonlyMap<unknown, string> = new Map([
  ["ENOENT", "it is not there, or its folder is not"],
  ["EEXIST", "it is there already"],
  ["EACCES", "this user may not do that"],
  ["EPERM", "this user may not do that"],
  ["EROFS", "its disk can only be read"],
  ["ENOSPC", "its disk is full"],
  ["EFBIG", "it grows larger than files may here"],
  ["EDQUOT", "its disk is full for this user"],
  ["EISDIR", "it is a folder"],
  ["ENOTDIR", "a part of its path is no folder"],
]);

/** What the system says of a file that the operator named or owns is no bug. Undefined for anything else. */
export function fileRefusalOf(cause: unknown): FileRefusedError | undefined {
  if (!(cause instanceof Error && "code" in cause && "syscall" in cause)) return undefined;
  const why = FILE_REFUSALS.get(cause.code);
  const path = "path" in cause && typeof cause.path === "string" ? cause.path : undefined;
  return why === undefined ? undefined : new FileRefusedError(path, why, { cause });
}

export class RestoreRefusedError extends OperatingError {
  readonly code = "RESTORE_REFUSED";
  readonly hint =
    "Stop it first; what it holds in memory would be written over what is read back. One that was killed counts for 30 s more";

  /** `what` was to be done, as in "restore"; `where` it runs, as in "at http://127.0.0.1:8080". */
  constructor(what: string, where: string) {
    super(`Cannot ${what} while Reactune runs ${where}`);
  }
}

export class StoreUnreachableError extends OperatingError {
  readonly code = "STORE_UNREACHABLE";
  readonly hint = "Start MongoDB, or mend MONGODB_URI; `reactune doctor` tries the address";

  /** `hosts` without credentials. */
  constructor(hosts: string, options?: ErrorOptions) {
    super(`Cannot use the store in MongoDB at "${hosts}": it does not answer as it should`, options);
  }
}

export class MigrationRefusedError extends OperatingError {
  readonly code = "MIGRATION_REFUSED";
  readonly hint =
    "Stop every process of Reactune, set MONGODB_URI, then `reactune migrate --from sqlite --to mongo --dry-run`";

  constructor(from: string, to: string, why: string) {
    super(`Cannot migrate from "${from}" to "${to}": ${why}`);
  }
}

export class MigrationFailedError extends OperatingError {
  readonly code = "MIGRATION_FAILED";
  readonly hint = "Go on with the store that was read, which was not changed; empty the other one and migrate again";

  /** `what` names kinds of records or files, never their contents. */
  constructor(what: string) {
    super(`Cannot trust the new store: it differs from the old one in ${what}`);
  }
}

/** A server is away: the same again succeeds when it is back. Nothing is wrong with what was asked. */
export function isOutage(error: unknown): boolean {
  return isStoreOutage(error) || error instanceof InferenceUnavailableError;
}

export function isStoreOutage(error: unknown): boolean {
  return error instanceof StoreUnreachableError || error instanceof RedisUnavailableError;
}

/** The words for a log or a person, with the hint where the error has one. Never a credential: errors hold none. */
export function describeError(error: unknown): string {
  if (error instanceof OperatingError) return `${error.message}. ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}
