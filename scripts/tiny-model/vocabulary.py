"""A byte-level BPE vocabulary, split as llama.cpp's pre-tokenizer "smollm" splits: digits one by one, then GPT-2's rule."""

from collections.abc import Iterable

from dialogues import END, START
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PRE = "smollm"
UNKNOWN = "<|endoftext|>"
SPECIAL = (UNKNOWN, START, END)  # ids 0, 1, 2, as in SmolLM2
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    roles = ["system\n", "user\n", "assistant\n"]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *roles * 10], trainer)
    return tokenizer
