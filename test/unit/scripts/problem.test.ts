import { expect, test } from "vitest";
import { explain, isDownloadFailure, SetupProblem } from "../../../scripts/setup/problem.mjs";
import { CommandFailedError, runCommand } from "../../../scripts/setup/run-command.mjs";

const failed = (output: string) => new CommandFailedError("npm ci", 1, output);

test.each([
  ["npm error code ENOSPC\nnpm error nospc no space left on device", "the disk is full", /Free at least/],
  ["OSError: [Errno 28] No space left on device", "the disk is full", /Free at least/],
  ["npm error code EAI_AGAIN\nnpm error request failed", "a download did not succeed", /internet/],
  ["ERROR: No matching distribution found for mlx==0.32.4", "a download did not succeed", /internet/],
  ["npm error code EACCES\nnpm error permission denied", "may not be written", /right to write/],
  ["something odd happened: not known", "something odd happened", /lines above/],
])("explain() says what to do when a program printed %j", (output, message, hint) => {
  const problem = explain(failed(output));

  expect(problem.message).toContain(message);
  expect(problem.hint).toMatch(hint);
  expect(problem.tail).toContain(output.split("\n")[0]);
});

test("explain() gives a problem back when it was explained already", () => {
  const problem = new SetupProblem("Python is missing", "Install it");

  expect(explain(problem)).toBe(problem);
});

test("isDownloadFailure() lets nobody try again when the disk is full", () => {
  expect(isDownloadFailure(failed("ETIMEDOUT"))).toBe(true);
  expect(isDownloadFailure(failed("ETIMEDOUT\nENOSPC"))).toBe(false);
  expect(isDownloadFailure(new Error("ETIMEDOUT"))).toBe(false);
});

test("runCommand() rejects with what was printed when the program fails", async () => {
  const program = "console.log('one'); console.error('two'); process.exit(3)";

  const error = await runCommand(process.execPath, ["-e", program]).catch((reason: unknown) => reason);

  expect(error).toMatchObject({ exitCode: 3, tail: expect.stringMatching(/one[\s\S]*two|two[\s\S]*one/) });
});

test("runCommand() rejects when there is no such program or it takes too long", async () => {
  await expect(runCommand("reactune-no-such-program", [])).rejects.toThrow(CommandFailedError);
  await expect(runCommand(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { timeoutMs: 200 })).rejects.toThrow(
    "unset",
  );
});
