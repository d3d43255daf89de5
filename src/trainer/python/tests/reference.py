"""A llama forward pass in numpy, written from the paper's formulas and Hugging Face's layout, for comparison."""

import numpy as np
from conftest import HEADS, KV_HEADS, LAYERS, WIDTH


def forward(
    weights: dict[str, np.ndarray],
    tokens: list[int],
    deltas: dict[str, np.ndarray] | None = None,
    rope_factors: np.ndarray | float = 1.0,
) -> np.ndarray:
    """(T, vocabulary) in float64. `deltas` are added to projections of the same name, in Hugging Face's row order.

    Biases of q, k and v (Qwen 2) and norms of q and k (Qwen 3) take part where `weights` has them.
    """
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    for name, delta in (deltas or {}).items():
        w[name] = w[name] + delta
    head, length = WIDTH // HEADS, len(tokens)
    x = w["token_embd"][tokens]
    for layer in range(LAYERS):
        p = f"blk.{layer}."
        h = norm(x, w[p + "attn_norm"])
        q, k, v = (
            (h @ w[f"{p}attn_{part}"].T + w.get(f"{p}attn_{part}.bias", 0)).reshape(length, -1, head) for part in "qkv"
        )
        if p + "attn_q_norm" in w:
            q, k = norm(q, w[p + "attn_q_norm"]), norm(k, w[p + "attn_k_norm"])
        q, k = rotate(q, rope_factors), rotate(k, rope_factors)
        k, v = np.repeat(k, HEADS // KV_HEADS, axis=1), np.repeat(v, HEADS // KV_HEADS, axis=1)
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(head)
        scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
        mixed = np.einsum("hij,jhd->ihd", softmax(scores), v).reshape(length, WIDTH)
        x = x + mixed @ w[p + "attn_output"].T
        h = norm(x, w[p + "ffn_norm"])
        gate = h @ w[p + "ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w[p + "ffn_up"].T)) @ w[p + "ffn_down"].T
    return norm(x, w["output_norm"]) @ w["token_embd"].T


def target_loss(logits: np.ndarray, prompt: list[int], target: list[int]) -> float:
    """Mean negative log-probability of the target tokens."""
    probabilities = softmax(logits[len(prompt) - 1 :])
    return float(-np.log(probabilities[np.arange(len(target)), target]).mean())


def norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight


def rotate(x: np.ndarray, factors: np.ndarray | float) -> np.ndarray:
    """Hugging Face's rotary embedding: the two halves of a head are real and imaginary part."""
    length, _, head = x.shape
    angles = np.outer(np.arange(length), 10000.0 ** (-np.arange(0, head, 2) / head) / factors)[:, None, :]
    first, second = x[..., : head // 2], x[..., head // 2 :]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)
