import { expect, onTestFinished, test } from "vitest";
import { markServing, requireNobodyServes } from "#compose/serving-mark.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { RestoreRefusedError } from "#core/errors.ts";
import { elsewhere, memoryLive } from "../../fixtures/fleet/memory-live.ts";
import { makeTrialFolder } from "../../fixtures/trials/run-program.ts";

const configOf = (mongodbUri: string) =>
  loadConfig({
    ...readSystem(),
    argvSettings: [],
    workingDirectory: makeTrialFolder(),
    environment: { MONGODB_URI: mongodbUri },
  });

test.each([
  ["mongodb://one:27017/reactune", "mongodb://ana:word@one,two/reactune?replicaSet=rs0"],
  ["mongodb://one:27017", "mongodb://one:27017/reactune"],
  ["mongodb://one/?tlsCAFile=/etc/ca.pem", "mongodb+srv://one/reactune"],
  ["mongodb://one?tlsCAFile=/etc/ca.pem", "mongodb://one/"],
])("requireNobodyServes() refuses when %s is served and %s would be written over", async (served, written) => {
  const live = memoryLive();
  onTestFinished(markServing(configOf(served), elsewhere(live)));

  await expect(requireNobodyServes(configOf(written), live, "restore")).rejects.toThrow(RestoreRefusedError);
  await requireNobodyServes(configOf("mongodb://one/another"), live, "restore");
});
