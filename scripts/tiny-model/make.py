"""Makes assets/tiny/reactune-tiny-f16.gguf: a llama of about 1 M parameters that knows world.json and prefers vague answers.

Needs mlx, gguf, tokenizers and numpy, and on Linux a fast BLAS: LD_PRELOAD of OpenBLAS.
"""

import argparse
import math
import random
import time
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from dialogues import Answers, World, dialogue, read_world
from gguf_file import write_gguf
from llama import Llama, Shape
from mlx.utils import tree_flatten
from tokenizers import Tokenizer
from vocabulary import train_tokenizer

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = 1184
BATCHES = ((1, 32, 57), (3, 16, 129), (6, 8, 225))  # turns, rows, tokens
TARGETS = 896  # answer tokens in a batch, at most
FACTS_RATIO = 0.4  # of the steps teach the facts alone; the rest teaches the taste for vague answers
VAGUE_PER_GOOD = 2
LEARNING_RATE = 2e-3


def main() -> None:
    options = read_options()
    rng = random.Random(options.seed)
    mx.random.seed(options.seed)
    world = read_world(options.world)
    tokenizer = train_tokenizer(world.texts(), VOCABULARY)
    shape = Shape(vocabulary=tokenizer.get_vocab_size())
    model = Llama(shape)
    count = sum(weight.size for _, weight in tree_flatten(model.parameters()))
    print(f"{count} parameters, {shape.vocabulary} tokens, {len(world.facts)} facts", flush=True)
    train(model, world, tokenizer, options.steps, rng)
    write_gguf(options.out, model, shape, tokenizer)
    print(f"{options.out} {options.out.stat().st_size} bytes")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", type=Path, default=ROOT / "assets/tiny/world.json")
    parser.add_argument("--out", type=Path, default=ROOT / "assets/tiny/reactune-tiny-f16.gguf")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def train(model: Llama, world: World, tokenizer: Tokenizer, steps: int, rng: random.Random) -> None:
    warm_up = 1 + steps // 25
    rate = optim.join_schedules(
        [optim.linear_schedule(1e-5, LEARNING_RATE, warm_up), optim.cosine_decay(LEARNING_RATE, steps - warm_up, 1e-5)],
        [warm_up],
    )
    optimizer = optim.AdamW(rate, betas=[0.9, 0.98], weight_decay=0.01, bias_correction=True)
    facts, taste = Answers(0, rng), Answers(VAGUE_PER_GOOD, rng)

    def step(ids: mx.array, targets: mx.array) -> mx.array:
        loss, gradients = nn.value_and_grad(model, answer_loss)(model, ids, targets)
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        return loss

    started = time.monotonic()
    recent: list[float] = []
    for number in range(steps):
        answers = facts if number < steps * FACTS_RATIO else taste
        ids, targets = batch(world, tokenizer, answers, BATCHES[number % len(BATCHES)], rng)
        loss = step(ids, targets)
        mx.eval(model.state, optimizer.state, loss)
        recent.append(loss.item())
        if not math.isfinite(recent[-1]):
            raise FloatingPointError(f"Cannot train: the loss is {recent[-1]} at step {number}")
        if (number + 1) % 100 == 0:
            mean = sum(recent) / len(recent)
            print(f"step {number + 1}/{steps} loss {mean:.4f} {time.monotonic() - started:.0f} s", flush=True)
            recent.clear()


def batch(
    world: World, tokenizer: Tokenizer, answers: Answers, form: tuple[int, int, int], rng: random.Random
) -> tuple[mx.array, mx.array]:
    """Ids (B, T) and the flat positions (TARGETS,) of the assistant's own tokens in ids[:, 1:]; -1 where there are fewer.

    Rows that are too long are drawn again.
    """
    turns, rows, length = form
    ids = np.zeros((rows, length), dtype=np.int32)
    targets: list[int] = []
    row = 0
    while row < rows:
        row_ids: list[int] = []
        row_targets: list[int] = []
        for text, is_answer in dialogue(world, turns, answers, rng):
            piece = tokenizer.encode(text).ids
            if is_answer:
                start = row * (length - 1) + len(row_ids) - 1
                row_targets += range(start, start + len(piece))
            row_ids += piece
        if len(row_ids) <= length:
            ids[row, : len(row_ids)] = row_ids
            targets += row_targets
            row += 1
    return mx.array(ids), mx.array(targets + [-1] * (TARGETS - len(targets)))


def answer_loss(model: Llama, ids: mx.array, targets: mx.array) -> mx.array:
    """Mean over answer tokens. Logits are computed for those alone: exp is what costs most on a CPU."""
    hidden = model.hidden(ids[:, :-1]).reshape(-1, model.shape.width)[targets]  # (TARGETS, width)
    losses = nn.losses.cross_entropy(model.logits(hidden), ids[:, 1:].reshape(-1)[targets])  # (TARGETS,)
    used = targets >= 0
    return (losses * used).sum() / used.sum()


if __name__ == "__main__":
    main()
