import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { float32, text, uint32, uint64 } from "#inference/gguf-values.ts";

/** What a benchmark's adapter changes: query and value projections of every layer. */
export interface BaseShape {
  readonly layers: number;
  readonly width: number;
  readonly valueWidth: number;
}

export const TINY_SHAPE: BaseShape = { layers: 4, width: 128, valueWidth: 64 };

const RANK = 16;
const ALIGNMENT_BYTES = 32;
const TYPE_STRING = 8;
const TYPE_FLOAT32 = 6;
/** So small that the base still talks as before: it is loaded and computed, which is all that is measured. */
const SCALE = 0.001;

/** Writes a GGUF LoRA adapter of float32 waves, another one per seed; returns its digest and size. */
export async function writeBenchAdapter(path: string, { layers, width, valueWidth }: BaseShape, seed: number) {
  const matrices = Array.from({ length: layers }, (_, layer) => [
    { name: `blk.${layer}.attn_q.weight.lora_a`, shape: [width, RANK] },
    { name: `blk.${layer}.attn_q.weight.lora_b`, shape: [RANK, width] },
    { name: `blk.${layer}.attn_v.weight.lora_a`, shape: [width, RANK] },
    { name: `blk.${layer}.attn_v.weight.lora_b`, shape: [RANK, valueWidth] },
  ]).flat();
  let offset = 0;
  const [infos, bodies]: [Buffer[], Buffer[]] = [[], []];
  for (const { name, shape } of matrices) {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length: count }, (_, index) => Math.sin((index + 1) * (seed + 0.7)) * SCALE);
    infos.push(Buffer.concat([text(name), uint32(shape.length), ...shape.map(uint64), uint32(0), uint64(offset)]));
    bodies.push(padded(Buffer.from(values.buffer)));
    offset += bodies.at(-1)?.length ?? 0;
  }
  const metadata = [
    field("general.type", "adapter"),
    field("general.architecture", "llama"),
    field("adapter.type", "lora"),
    Buffer.concat([text("adapter.lora.alpha"), uint32(TYPE_FLOAT32), float32(RANK)]),
  ];
  const head = [Buffer.from("GGUF"), uint32(3), uint64(infos.length), uint64(metadata.length), ...metadata, ...infos];
  const file = Buffer.concat([padded(Buffer.concat(head)), ...bodies]);
  await writeFile(path, file);
  return { digest: createHash("sha256").update(file).digest("hex"), bytes: file.length };
}

function field(key: string, value: string): Buffer {
  return Buffer.concat([text(key), uint32(TYPE_STRING), text(value)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((ALIGNMENT_BYTES - (bytes.length % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES)]);
}
