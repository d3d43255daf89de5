"""A llama in MLX, small on purpose. Rotary pairs are (2i, 2i + 1): the order in which GGUF stores q and k."""

from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    layers: int = 4
    width: int = 128
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 384
    context: int = 512
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q = nn.Linear(shape.width, shape.heads * shape.head_width, bias=False)
        self.k = nn.Linear(shape.width, shape.kv_heads * shape.head_width, bias=False)
        self.v = nn.Linear(shape.width, shape.kv_heads * shape.head_width, bias=False)
        self.output = nn.Linear(shape.heads * shape.head_width, shape.width, bias=False)
        self.rope = nn.RoPE(shape.head_width, traditional=True, base=shape.rope_base)

    def __call__(self, x: mx.array) -> mx.array:
        rows, length, _ = x.shape
        s = self.shape

        def split(y: mx.array, heads: int) -> mx.array:
            return y.reshape(rows, length, heads, s.head_width).transpose(0, 2, 1, 3)  # (B, heads, T, head width)

        q = self.rope(split(self.q(x), s.heads))
        k = self.rope(split(self.k(x), s.kv_heads))
        v = split(self.v(x), s.kv_heads)
        y = mx.fast.scaled_dot_product_attention(q, k, v, scale=s.head_width**-0.5, mask="causal")
        return self.output(y.transpose(0, 2, 1, 3).reshape(rows, length, -1))


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attn_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.attn = Attention(shape)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        x = x + self.attn(self.attn_norm(x))
        y = self.ffn_norm(x)
        return x + self.down(nn.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    """Token ids (B, T) -> logits (B, T, vocabulary). The output matrix is the embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = [Block(shape) for _ in range(shape.layers)]
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)

    def __call__(self, ids: mx.array) -> mx.array:
        return self.logits(self.hidden(ids))

    def hidden(self, ids: mx.array) -> mx.array:
        """(B, T) -> (B, T, width)"""
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def logits(self, hidden: mx.array) -> mx.array:
        """(..., width) -> (..., vocabulary)"""
        return self.embedding.as_linear(hidden)
