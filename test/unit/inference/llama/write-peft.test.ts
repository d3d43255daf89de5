import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGgufFileInfo } from "node-llama-cpp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AdapterRefusedError } from "#core/errors.ts";
import type { AdapterFile } from "#inference/inference-engine.ts";
import { peftFolders } from "#inference/llama/peft-folders.ts";
import { writePeftFolder } from "#inference/llama/write-peft.ts";
import { type AdapterFiles, makeAdapterFiles, TINY_MODEL } from "../../../fixtures/llama/engine-under-test.ts";

let adapters: AdapterFiles;
let directory: string;
beforeAll(async () => {
  adapters = await makeAdapterFiles();
  directory = await mkdtemp(join(tmpdir(), "reactune-peft-"));
});
afterAll(() => Promise.all([adapters.remove(), rm(directory, { recursive: true, force: true })]));

function good(): AdapterFile {
  const [adapter] = adapters.good;
  if (adapter === undefined) throw new Error("There is no adapter");
  return adapter;
}

/** Rows of a tensor, as both files hold them. */
function rowsOf(
  file: Buffer,
  begin: number,
  [rows, columns]: readonly [number, number],
): readonly (readonly number[])[] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => file.readFloatLE(begin + 4 * (row * columns + column))),
  );
}

async function readGguf(path: string, wanted: string) {
  const { tensorInfo = [] } = await readGgufFileInfo(path);
  const info = tensorInfo.find(({ name }) => name === wanted);
  const [columns, rows] = [Number(info?.dimensions[0]), Number(info?.dimensions[1])];
  return rowsOf(await readFile(path), Number(info?.fileOffset), [rows, columns]);
}

async function readSafetensors(path: string, wanted: string) {
  const file = await readFile(path);
  const length = Number(file.readBigUInt64LE());
  const { shape, data_offsets: offsets } = JSON.parse(file.subarray(8, 8 + length).toString())[wanted];
  return rowsOf(file, 8 + length + offsets[0], shape);
}

test("writePeftFolder() writes the same numbers under PEFT's names, the heads' rows in halves, once", async () => {
  const { path } = good();
  const folder = await writePeftFolder(good(), TINY_MODEL, directory);
  const file = join(folder, "adapter_model.safetensors");
  const layer = "base_model.model.model.layers.0.self_attn";
  const same = [
    ["attn_q.weight.lora_a", "q_proj.lora_A.weight"],
    ["attn_v.weight.lora_b", "v_proj.lora_B.weight"],
  ] as const;
  for (const [theirs, ours] of same) {
    expect(await readSafetensors(file, `${layer}.${ours}`)).toEqual(await readGguf(path, `blk.0.${theirs}`));
  }
  const { metadata } = await readGgufFileInfo(TINY_MODEL);
  const heads = Number(Reflect.get(Reflect.get(metadata, "llama").attention, "head_count"));
  const [interleaved, halves] = [
    await readGguf(path, "blk.0.attn_q.weight.lora_b"),
    await readSafetensors(file, `${layer}.q_proj.lora_B.weight`),
  ];
  const width = interleaved.length / heads;

  expect(heads).toBeGreaterThan(1);
  for (const head of [0, heads - 1]) {
    for (const pair of [0, 1, width / 2 - 1]) {
      expect(halves[head * width + pair]).toEqual(interleaved[head * width + 2 * pair]);
      expect(halves[head * width + width / 2 + pair]).toEqual(interleaved[head * width + 2 * pair + 1]);
    }
  }
  expect(JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8"))).toMatchObject({
    peft_type: "LORA",
    r: 4,
    lora_alpha: 4,
    target_modules: ["q_proj", "v_proj"],
  });
  expect(await writePeftFolder(good(), "/nowhere", directory)).toBe(folder);
});

test("writePeftFolder() rejects with AdapterRefusedError and leaves nothing behind when the file is bad", async () => {
  const other = join(directory, "bad");
  for (const [why, adapter] of adapters.bad) {
    await expect(writePeftFolder(adapter, TINY_MODEL, other), why).rejects.toThrow(AdapterRefusedError);
  }

  expect(await readdir(other).catch(() => [])).toEqual([]);
});

test("peftFolders() lists what is there and removes a folder after the adapter's last stream", async () => {
  const released: string[] = [];
  const shared = join(directory, "shared");
  const host = peftFolders(shared, async (digest) => void released.push(digest));
  expect(await host.listHosted()).toEqual([]);
  await writePeftFolder(good(), TINY_MODEL, shared);
  expect(await host.listHosted()).toEqual([good().digest]);
  await host.removeHosted(good().digest);

  expect(await host.listHosted()).toEqual([]);
  expect(released).toEqual([good().digest]);
});
