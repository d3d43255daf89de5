import { float32, text, uint32, uint64 } from "#inference/gguf-values.ts";
import type { PackedE5 } from "./packed-e5.ts";

/** The same weights, byte for byte, under the names llama.cpp gives a BERT; parts of the file in order. */
export function encodeGguf(model: PackedE5): readonly Buffer[] {
  const fields = metadataOf(model);
  const tensors = tensorsOf(model);
  const entries: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, shape } of tensors) {
    const numbers = shape.reduce((product, size) => product * size, 1);
    entries.push(text(name), uint32(shape.length), ...shape.map(uint64), uint32(typeOf(bytes.length, numbers, name)));
    entries.push(uint64(offset));
    const padding = Buffer.alloc(-bytes.length & (ALIGNMENT - 1));
    data.push(bytes, padding);
    offset += bytes.length + padding.length;
  }
  const head = Buffer.concat([Buffer.from("GGUF"), uint32(3), uint64(tensors.length), uint64(fields.length)]);
  const top = Buffer.concat([head, ...fields, ...entries]);
  return [top, Buffer.alloc(-top.length & (ALIGNMENT - 1)), ...data];
}

const ALIGNMENT = 32;

/** GGUF's numbers for the kinds of a metadata value. */
const KIND = { uint32: 4, int32: 5, float32: 6, bool: 7, text: 8, list: 9 } as const;

function metadataOf(model: PackedE5): readonly Buffer[] {
  const { vocabulary } = model;
  const types = vocabulary.pieces.map((_, id) => {
    if (id === vocabulary.unknown) return uint32(2);
    return uint32([vocabulary.start, vocabulary.end, vocabulary.padding].includes(id) ? 3 : 1);
  });
  const count = (key: string, value: number) => field(key, KIND.uint32, uint32(value));
  const name = (key: string, value: string) => field(key, KIND.text, text(value));
  const flag = (key: string, value: boolean) => field(key, KIND.bool, Buffer.from([value ? 1 : 0]));
  return [
    name("general.architecture", "bert"),
    count("bert.context_length", model.positions),
    count("bert.embedding_length", model.width),
    count("bert.feed_forward_length", model.feedForwardWidth),
    count("bert.block_count", model.layers),
    count("bert.attention.head_count", model.heads),
    field("bert.attention.layer_norm_epsilon", KIND.float32, float32(model.epsilon)),
    flag("bert.attention.causal", false),
    count("bert.pooling_type", 1), // the mean over all tokens
    name("tokenizer.ggml.model", "t5"), // llama.cpp's name for a unigram vocabulary
    name("tokenizer.ggml.pre", "default"),
    list("tokenizer.ggml.tokens", KIND.text, vocabulary.pieces.map(text)),
    field("tokenizer.ggml.scores", KIND.list, listOf(KIND.float32, vocabulary.pieces.length, vocabulary.scores)),
    list("tokenizer.ggml.token_type", KIND.int32, types),
    count("tokenizer.ggml.token_type_count", model.tokenTypes),
    count("tokenizer.ggml.bos_token_id", vocabulary.start),
    count("tokenizer.ggml.cls_token_id", vocabulary.start),
    count("tokenizer.ggml.eos_token_id", vocabulary.end),
    count("tokenizer.ggml.seperator_token_id", vocabulary.end), // spelt so in the format
    count("tokenizer.ggml.unknown_token_id", vocabulary.unknown),
    count("tokenizer.ggml.padding_token_id", vocabulary.padding),
    flag("tokenizer.ggml.add_bos_token", true),
    flag("tokenizer.ggml.add_eos_token", true),
    flag("tokenizer.ggml.add_space_prefix", true),
    flag("tokenizer.ggml.remove_extra_whitespaces", true),
  ];
}

interface NamedTensor {
  readonly name: string;
  readonly bytes: Buffer;
  /** Fastest dimension first. */
  readonly shape: readonly number[];
}

function tensorsOf(model: PackedE5): readonly NamedTensor[] {
  const { width, feedForwardWidth: wide } = model;
  const tensors: NamedTensor[] = [];
  const add = (name: string, from: string, shape: readonly number[]) => {
    const bytes = model.tensors.get(from);
    if (bytes === undefined) throw new RangeError(`Cannot read tensor "${from}": it is not in the file`);
    tensors.push({ name, bytes, shape });
  };
  add("token_embd.weight", "emb.word", [width, model.vocabulary.pieces.length]);
  add("position_embd.weight", "emb.pos", [width, model.positions]);
  add("token_types.weight", "emb.type", [width, model.tokenTypes]);
  add("token_embd_norm.weight", "emb.ln.w", [width]);
  add("token_embd_norm.bias", "emb.ln.b", [width]);
  for (let layer = 0; layer < model.layers; layer++) {
    for (const [name, from, inner, outer] of [
      ["attn_q", "q", width, width],
      ["attn_k", "k", width, width],
      ["attn_v", "v", width, width],
      ["attn_output", "ao", width, width],
      ["ffn_up", "fi", width, wide],
      ["ffn_down", "fo", wide, width],
    ] as const) {
      add(`blk.${layer}.${name}.weight`, `l${layer}.${from}.w`, [inner, outer]);
      add(`blk.${layer}.${name}.bias`, `l${layer}.${from}.b`, [outer]);
    }
    for (const [name, from] of [
      ["attn_output_norm", "aln"],
      ["layer_output_norm", "oln"],
    ] as const) {
      add(`blk.${layer}.${name}.weight`, `l${layer}.${from}.w`, [width]);
      add(`blk.${layer}.${name}.bias`, `l${layer}.${from}.b`, [width]);
    }
  }
  return tensors;
}

function typeOf(bytes: number, numbers: number, name: string): number {
  if (bytes === numbers * 4) return 0; // F32
  if (bytes === (numbers / 32) * 18) return 2; // Q4_0
  throw new RangeError(`Cannot read tensor "${name}": ${bytes} bytes do not hold ${numbers} numbers`);
}

function field(key: string, kind: number, value: Buffer): Buffer {
  return Buffer.concat([text(key), uint32(kind), value]);
}

function list(key: string, kind: number, values: readonly Buffer[]): Buffer {
  return field(key, KIND.list, listOf(kind, values.length, Buffer.concat(values)));
}

function listOf(kind: number, length: number, values: Buffer): Buffer {
  return Buffer.concat([uint32(kind), uint64(length), values]);
}
