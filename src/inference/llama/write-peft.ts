import { randomUUID } from "node:crypto";
import { access, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GgmlType, type GgufTensorInfo, readGgufFileInfo } from "node-llama-cpp";
import * as z from "zod";
import { AdapterRefusedError } from "#core/errors.ts";
import type { AdapterFile } from "../inference-engine.ts";

const CONFIG = "adapter_config.json";

/** llama.cpp's name within a block -> transformers' within a layer. The trainer puts LoRA on these seven. */
const PROJECTIONS = new Map([
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
]);
const ARCHITECTURES = ["llama", "qwen2", "qwen3"];
const TENSOR_NAME = /^blk\.(\d+)\.(\w+)\.weight\.lora_(a|b)$/;

interface Base {
  readonly architecture: string;
  /** Inputs and outputs of each weight, by its name. */
  readonly sizes: ReadonlyMap<string, readonly [number, number]>;
  /** Where the file has the rows of each head's q and k interleaved, as architecture `llama` does; transformers has them in halves. */
  readonly heads: ReadonlyMap<string, number>;
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly values: Float32Array;
}

/**
 * An adapter as a folder in the format of PEFT, which vLLM reads: `<directory>/<digest>/`, whole or not there at all. Rejects with
 * AdapterRefusedError when the file is no adapter that can be written so.
 */
export async function writePeftFolder(adapter: AdapterFile, basePath: string, directory: string): Promise<string> {
  const { digest } = adapter;
  const folder = join(directory, digest);
  if (await exists(join(folder, CONFIG))) return folder;
  const partial = join(directory, `.${digest.slice(0, 12)}-${randomUUID()}`);
  try {
    const { tensors, rank, alpha } = await readAdapter(adapter, await readBase(basePath));
    await mkdir(partial, { recursive: true });
    await writeFile(join(partial, "adapter_model.safetensors"), toSafetensors(tensors));
    await writeFile(join(partial, CONFIG), JSON.stringify(describe(tensors, rank, alpha), undefined, 2));
    await rename(partial, folder);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    // Another process was quicker: its folder holds the same.
    if (await exists(join(folder, CONFIG))) return folder;
    throw cause instanceof AdapterRefusedError || isOfSystem(cause)
      ? cause
      : new AdapterRefusedError(digest, "it cannot be written in the format of PEFT", { cause });
  }
  return folder;
}

const Metadata = z.object({ general: z.object({ architecture: z.string() }) }).catchall(z.unknown());
const Attention = z.object({
  attention: z.object({ head_count: z.int(), head_count_kv: z.int().optional() }),
});

async function readBase(basePath: string): Promise<Base> {
  const { metadata, tensorInfo = [] } = await readGgufFileInfo(basePath);
  const base = Metadata.parse(metadata);
  const { architecture } = base.general;
  if (!ARCHITECTURES.includes(architecture)) throw new Error(`Models of architecture "${architecture}" are not known`);
  const sizes = new Map(tensorInfo.map(({ name, dimensions }) => [name, sizeOf(dimensions)]));
  if (architecture !== "llama") return { architecture, sizes, heads: new Map() };
  const { head_count: heads, head_count_kv: keyHeads = heads } = Attention.parse(base["llama"]).attention;
  return {
    architecture,
    sizes,
    heads: new Map([
      ["attn_q", heads],
      ["attn_k", keyHeads],
    ]),
  };
}

/** GGUF lists the fastest dimension first. */
function sizeOf(dimensions: GgufTensorInfo["dimensions"]): readonly [number, number] {
  return [Number(dimensions[0] ?? 1), Number(dimensions[1] ?? 1)];
}

const AdapterMetadata = z.object({
  general: z.object({ architecture: z.string() }),
  adapter: z.object({ lora: z.object({ alpha: z.number() }) }),
});

async function readAdapter({ path }: AdapterFile, base: Base) {
  const { metadata, tensorInfo = [] } = await readGgufFileInfo(path);
  const { adapter, general } = AdapterMetadata.parse(metadata);
  if (general.architecture !== base.architecture) throw new Error("It is of another architecture than the base");
  const file = await open(path, "r");
  try {
    const tensors: Tensor[] = [];
    for (const info of tensorInfo) tensors.push(await readTensor(file, info, base));
    const rank = tensors.find(({ name }) => name.endsWith("lora_A.weight"))?.shape[0];
    if (rank === undefined) throw new Error("It has no tensors");
    return { tensors, rank, alpha: adapter.lora.alpha };
  } finally {
    await file.close();
  }
}

async function readTensor(
  file: Awaited<ReturnType<typeof open>>,
  { name, dimensions, ggmlType, fileOffset }: GgufTensorInfo,
  { sizes, heads }: Base,
): Promise<Tensor> {
  const [, layer, theirs = "", part] = TENSOR_NAME.exec(name) ?? [];
  const ours = PROJECTIONS.get(theirs);
  if (ours === undefined || ggmlType !== GgmlType.F32) throw new Error(`Tensor "${name}" is not known`);
  const [columns, rows] = sizeOf(dimensions);
  const [inputs, outputs] = sizes.get(name.replace(/\.lora_.$/, "")) ?? [];
  if (part === "a" ? columns !== inputs : rows !== outputs) throw new Error(`Tensor "${name}" does not fit the base`);
  const bytes = Buffer.alloc(columns * rows * Float32Array.BYTES_PER_ELEMENT);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, Number(fileOffset));
  if (bytesRead !== bytes.length) throw new Error(`Tensor "${name}" is cut off`);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, columns * rows);
  const headCount = part === "b" ? heads.get(theirs) : undefined;
  return {
    name: `base_model.model.model.layers.${layer}.${ours}.lora_${part === "a" ? "A" : "B"}.weight`,
    shape: [rows, columns],
    values: headCount === undefined ? values : toHalves(values, rows, columns, headCount),
  };
}

/** Row 2i of a head becomes its row i, row 2i + 1 the row i of its second half. */
function toHalves(values: Float32Array, rows: number, columns: number, heads: number): Float32Array {
  const width = rows / heads;
  const moved = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    const [head, within] = [Math.floor(row / width), row % width];
    const target = head * width + (within % 2) * (width / 2) + Math.floor(within / 2);
    moved.set(values.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return moved;
}

function describe(tensors: readonly Tensor[], rank: number, alpha: number) {
  const modules = new Set(tensors.map(({ name }) => name.split(".").at(-3) ?? ""));
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    target_modules: [...modules].toSorted(),
    base_model_name_or_path: "",
  };
}

/** Eight bytes with the length of the header, the header in JSON, the values one after the other. */
function toSafetensors(tensors: readonly Tensor[]): Buffer {
  let offset = 0;
  const entries = tensors.map(({ name, shape, values }) => {
    const begin = offset;
    offset += values.byteLength;
    return [name, { dtype: "F32", shape, data_offsets: [begin, offset] }] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bodies = tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return Buffer.concat([length, header, ...bodies]);
}

/** A full disk or a missing folder is the machine's fault, not the adapter's. */
function isOfSystem(cause: unknown): boolean {
  return (
    cause instanceof Error && "syscall" in cause && !["ENOENT", "EISDIR"].includes(String(Reflect.get(cause, "code")))
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
