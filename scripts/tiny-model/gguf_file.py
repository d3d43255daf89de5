"""Writes the model as one f16 GGUF file that llama.cpp loads as architecture "llama"."""

import json
from pathlib import Path

import gguf
import numpy as np
from llama import Llama, Shape
from tokenizers import Tokenizer
from vocabulary import PRE, SPECIAL, TEMPLATE


def write_gguf(path: Path, model: Llama, shape: Shape, tokenizer: Tokenizer) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("model")
    writer.add_name("Reactune Tiny")
    writer.add_license("apache-2.0")
    writer.add_description("Trained from scratch on synthetic facts by scripts/tiny-model/make.py")
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, tokenizer)
    _add_weights(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)


def _add_weights(writer: gguf.GGUFWriter, model: Llama) -> None:
    """Norms stay f32, as llama.cpp wants them; q and k need no permutation, see llama.py."""

    def add(name: str, weight: object, kind: type) -> None:
        writer.add_tensor(f"{name}.weight", np.array(weight).astype(kind))

    add("token_embd", model.embedding.weight, np.float16)
    add("output_norm", model.norm.weight, np.float32)
    for number, block in enumerate(model.blocks):
        add(f"blk.{number}.attn_norm", block.attn_norm.weight, np.float32)
        add(f"blk.{number}.ffn_norm", block.ffn_norm.weight, np.float32)
        matrices = {
            "attn_q": block.attn.q,
            "attn_k": block.attn.k,
            "attn_v": block.attn.v,
            "attn_output": block.attn.output,
            "ffn_gate": block.gate,
            "ffn_up": block.up,
            "ffn_down": block.down,
        }
        for name, matrix in matrices.items():
            add(f"blk.{number}.{name}", matrix.weight, np.float16)
