import { expect, test } from "vitest";
import * as errors from "#core/errors.ts";

const CAUSE = new Error("the reason beneath");

const CASES: readonly [errors.OperatingError, string, string][] = [
  [
    new errors.ConfigInvalidError(["a is 1", "b is 2"], { cause: CAUSE }),
    "CONFIG_INVALID",
    "Cannot read the configuration: a is 1; b is 2",
  ],
  [
    new errors.StoreTooNewError("the store", 9, 3),
    "STORE_TOO_NEW",
    "Cannot read the store: its version is 9 and this program knows up to 3",
  ],
  [
    new errors.RecordInvalidError("turn", "t1", { cause: CAUSE }),
    "RECORD_INVALID",
    'Cannot read turn "t1": its fields do not fit the schema',
  ],
  [
    new errors.TurnUnknownError("t1"),
    "TURN_UNKNOWN",
    'Cannot put feedback on turn "t1": it is not stored or was erased',
  ],
  [
    new errors.StoreBusyError(5000, { cause: CAUSE }),
    "STORE_BUSY",
    "Cannot use the store: another process has been writing for more than 5000 ms",
  ],
  [
    new errors.ImportUnfinishedError({ cause: CAUSE }),
    "IMPORT_UNFINISHED",
    "Cannot export the records: an import into this store has not ended",
  ],
  [
    new errors.StoreUnreachableError("db1:27017,db2:27017", { cause: CAUSE }),
    "STORE_UNREACHABLE",
    'Cannot use the store in MongoDB at "db1:27017,db2:27017": it does not answer as it should',
  ],
  [
    new errors.MigrationRefusedError("sqlite", "sqlite", "they are the same"),
    "MIGRATION_REFUSED",
    'Cannot migrate from "sqlite" to "sqlite": they are the same',
  ],
  [
    new errors.MigrationFailedError("turn (3 -> 2)"),
    "MIGRATION_FAILED",
    "Cannot trust the new store: it differs from the old one in turn (3 -> 2)",
  ],
  [
    new errors.RedisUnavailableError("10.0.0.1:6379", "it is not connected"),
    "REDIS_UNAVAILABLE",
    "Cannot use Redis at 10.0.0.1:6379: it is not connected",
  ],
  [
    new errors.InferenceUnavailableError("llama", { cause: CAUSE }),
    "INFERENCE_UNAVAILABLE",
    'Cannot reach inference engine "llama": it did not answer',
  ],
  [
    new errors.ReplyBrokenOffError("Ollama", { cause: CAUSE }),
    "REPLY_BROKEN_OFF",
    'Cannot finish the reply: inference engine "Ollama" broke off',
  ],
  [new errors.QueueFullError(7), "QUEUE_FULL", "Cannot accept the message: 7 others are waiting"],
  [
    new errors.ModelNotFoundError("/m.gguf", { cause: CAUSE }),
    "MODEL_NOT_FOUND",
    'Cannot load model "/m.gguf": the file is not there or is not a GGUF file',
  ],
  [
    new errors.AdapterRefusedError("0123456789abcdef", "it lies", { cause: CAUSE }),
    "ADAPTER_REFUSED",
    'Cannot load adapter "0123456789ab": it lies',
  ],
  [new errors.AdapterNotFoundError("abc"), "ADAPTER_NOT_FOUND", 'Cannot find adapter "abc"'],
  [new errors.DomainUnknownError("x", ["legal", "general"]), "DOMAIN_UNKNOWN", 'Cannot find domain "x"'],
  [new errors.NotReadyError("legal", "red"), "NOT_READY", 'Cannot train domain "legal": readiness is red'],
  [
    new errors.LearningNotAllowedError("train", "off"),
    "LEARNING_NOT_ALLOWED",
    'Cannot train: the workspace\'s learning permission is "off"',
  ],
  [
    new errors.TrainingUnavailableError("no Python", "Install it", { cause: CAUSE }),
    "TRAINING_UNAVAILABLE",
    "Cannot train: no Python",
  ],
  [
    new errors.TrainingFailedError("run-1", "it died", "Try again", { cause: CAUSE }),
    "TRAINING_FAILED",
    'Cannot finish training run "run-1": it died',
  ],
  [
    new errors.ServiceConflictError("a/b/c"),
    "SERVICE_CONFLICT",
    'Cannot change what is in service for "a/b/c": it was changed meanwhile',
  ],
  [
    new errors.PlatformRefusedError("post", "permission", "Allow it", { cause: CAUSE }),
    "PLATFORM_REFUSED",
    "Cannot post",
  ],
  [
    new errors.SettingInvalidError("chat.trigger", "it is x", "Use one of: all"),
    "SETTING_INVALID",
    'Cannot change setting "chat.trigger": it is x',
  ],
  [
    new errors.BackupInvalidError("b.tar", "it is cut", { cause: CAUSE }),
    "BACKUP_INVALID",
    'Cannot restore "b.tar": it is cut',
  ],
  [
    new errors.FileRefusedError("/nowhere/b.tar", "it is not there, or its folder is not", { cause: CAUSE }),
    "FILE_REFUSED",
    'Cannot use "/nowhere/b.tar": it is not there, or its folder is not',
  ],
  [new errors.BackupTargetError("b.tar"), "BACKUP_TARGET", 'Cannot write the backup to "b.tar": it is there already'],
  [
    new errors.RestoreRefusedError("restore", "at http://127.0.0.1:1"),
    "RESTORE_REFUSED",
    "Cannot restore while Reactune runs at http://127.0.0.1:1",
  ],
  [
    new errors.DatasetRefusedError("0123456789abcdef", "its bytes were changed", { cause: CAUSE }),
    "DATASET_REFUSED",
    'Cannot train on data set "0123456789ab": its bytes were changed',
  ],
  [new errors.ImportInvalidError(3, "no JSON", { cause: CAUSE }), "IMPORT_INVALID", "Cannot import line 3: no JSON"],
];

test.each(CASES.map(([error, code, message]) => ({ name: error.name, error, code, message })))(
  "$name says what cannot be done, with a code and a hint",
  ({ error, code, message }) => {
    expect(error).toBeInstanceOf(errors.OperatingError);
    expect(error.code).toBe(code);
    expect(error.message).toBe(message);
    expect(error.message).toMatch(/^Cannot .*[^.]$/);
    expect(error.hint).toMatch(/^[A-Z].*[^.]$/);
    expect(errors.describeError(error)).toBe(`${message}. ${error.hint}`);
    if (error.cause !== undefined) expect(error.cause).toBe(CAUSE);
  },
);

test("fileRefusalOf() tells what the system says of a file, and leaves bugs alone", () => {
  const cause = Object.assign(new Error("ENOSPC"), { code: "ENOSPC", syscall: "write" });

  expect(errors.fileRefusalOf(cause)).toMatchObject({ message: "Cannot use a file: its disk is full", cause });
  expect(errors.fileRefusalOf(Object.assign(new Error("x"), { code: "EBADF", syscall: "read" }))).toBeUndefined();
  expect(errors.fileRefusalOf(new TypeError("x is not a function"))).toBeUndefined();
});

test("every error class has a case here", () => {
  const classes = Object.values(errors).filter((item) => item.prototype instanceof errors.OperatingError);

  expect(CASES.map(([error]) => error.constructor)).toEqual(expect.arrayContaining(classes));
  expect(new Set(CASES.map(([, code]) => code)).size).toBe(CASES.length);
});

test("the hint of ModelNotFoundError says how to get a model that Ollama pulls", () => {
  const error = new errors.ModelNotFoundError("ollama:llama3.2:1b");

  expect(error.message).toBe('Cannot load model "ollama:llama3.2:1b": this version is not there');
  expect(error.hint).toContain("`ollama pull llama3.2:1b`");
});

test("the hint of DomainUnknownError names what there is", () => {
  expect(new errors.DomainUnknownError("x", ["legal", "general"]).hint).toBe("Use one of: legal, general");
});

test("describeError() tells any thrown thing", () => {
  expect(errors.describeError(CAUSE)).toBe("the reason beneath");
  expect(errors.describeError("just words")).toBe("just words");
});
