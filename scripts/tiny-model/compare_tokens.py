"""Compares llama.cpp's token ids (JSON lines of `prove.mjs --tokens` on stdin) with those of the training tokenizer."""

import json
import sys
from pathlib import Path

from dialogues import read_world
from make import ROOT, VOCABULARY
from vocabulary import train_tokenizer


def main() -> int:
    world_path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "assets/tiny/world.json"
    tokenizer = train_tokenizer(read_world(world_path).texts(), VOCABULARY)
    lines = [json.loads(line) for line in sys.stdin]
    different = [line["text"] for line in lines if tokenizer.encode(line["text"]).ids != line["ids"]]
    print(f"{len(lines) - len(different)} of {len(lines)} texts have the same tokens")
    for text in different:
        print(f"  {text}")
    return 1 if different or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
