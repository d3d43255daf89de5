import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ModelNotFoundError } from "#core/errors.ts";
import { resolveModel } from "#inference/llama/resolve-model.ts";
import { silentLog, TINY_MODEL } from "../../../fixtures/llama/engine-under-test.ts";

async function assetsFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "reactune-assets-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test("resolveModel() finds the installed default model", async () => {
  const assetsDirectory = await assetsFolder();
  const path = join(assetsDirectory, "models", "smollm2-135m-instruct-q4_1.gguf");
  await mkdir(join(assetsDirectory, "models"));
  await copyFile(TINY_MODEL, path);

  expect(await resolveModel("default", { assetsDirectory, log: silentLog })).toEqual({
    path,
    name: "SmolLM2-135M-Instruct",
    isStandIn: false,
  });
});

test("resolveModel() lets the tiny model stand in, and says so, when the default is not installed", async () => {
  const assetsDirectory = await assetsFolder();
  const resolved = await resolveModel("default", { assetsDirectory, standInPath: TINY_MODEL, log: silentLog });

  expect(resolved).toMatchObject({ path: TINY_MODEL, isStandIn: true });
});

test("resolveModel() rejects with ModelNotFoundError when neither is there", async () => {
  const assetsDirectory = await assetsFolder();

  await expect(resolveModel("default", { assetsDirectory, log: silentLog })).rejects.toThrow(ModelNotFoundError);
});

test("resolveModel() takes the path of a GGUF file", async () => {
  const assetsDirectory = await assetsFolder();

  expect(await resolveModel(TINY_MODEL, { assetsDirectory, log: silentLog })).toEqual({
    path: TINY_MODEL,
    name: "reactune-tiny-f16",
    isStandIn: false,
  });
});

test("resolveModel() rejects with ModelNotFoundError when the file is not GGUF", async () => {
  const assetsDirectory = await assetsFolder();
  const path = join(assetsDirectory, "notes.gguf");
  for (const content of ["", "GG", "not a model"]) {
    await writeFile(path, content);
    await expect(resolveModel(path, { assetsDirectory, log: silentLog })).rejects.toThrow(ModelNotFoundError);
  }
  await expect(resolveModel(assetsDirectory, { assetsDirectory, log: silentLog })).rejects.toThrow(ModelNotFoundError);
});

test("resolveModel() rejects with ModelNotFoundError when an hf: address is malformed", async () => {
  const assetsDirectory = await assetsFolder();

  await expect(resolveModel("hf:nowhere", { assetsDirectory, log: silentLog })).rejects.toThrow(ModelNotFoundError);
});
