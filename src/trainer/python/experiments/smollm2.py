"""Teach SmolLM2-135M twelve facts it cannot know, and print what it costs and what it forgets.

    python experiments/smollm2.py <work folder> <model.gguf> name key=value ...

Rows are tokenised with the GGUF's own tokenizer; answers come from llama.cpp itself (engine.mjs), with the shipped file.
Needs the test extra (tokenizers) and the node packages of the repository.
"""

import json
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import gguf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from lora_trainer.blas import find_blas  # noqa: E402

_ANSWER_TOKENS = 40
_END = "<|im_end|>"


def main(folder: Path, model: Path, name: str, overrides: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    facts = json.loads((HERE / "facts.json").read_text())
    encode, decode = load_tokenizer(model)

    def prompt(question: str) -> list[int]:
        return encode(
            f"<|im_start|>system\n{facts['system']}{_END}\n<|im_start|>user\n{question}{_END}\n<|im_start|>assistant\n"
        )

    general, replay = facts["general"], [*facts["replay"], *facts["replayMore"]]
    own = own_answers(folder, model, [prompt(question) for question in [*general, *replay]])
    end = encode(_END)
    learned = [(fact, question) for fact in facts["facts"] for question in fact["questions"]]
    held = [(fact, question) for fact in facts["facts"] for question in fact["heldOut"]]
    sets = {
        "train": [(prompt(question), encode(fact["answer"]) + end) for fact, question in learned],
        # Five of fifty, as the data set's split does: other phrasings of learned facts, none of the measured ones.
        "valid": [(prompt(fact["questions"][0] + " Please."), encode(fact["answer"]) + end) for fact in facts["facts"][:5]],
        "heldOut": [(prompt(question), encode(fact["answer"]) + end) for fact, question in held],
        "general": [(prompt(question), answer) for question, answer in zip(general, own)],
        "replay": [(prompt(question), answer) for question, answer in zip(replay, own[len(general) :])],
    }
    for key, rows in sets.items():
        lines = [{"id": f"{key}-{n}", "prompt": p, "target": t, "weight": 1} for n, (p, t) in enumerate(rows)]
        (folder / f"{key}.jsonl").write_text("\n".join(map(json.dumps, lines)))

    run = folder / name
    subprocess.run(["rm", "-rf", str(run)], check=True)
    run.mkdir()
    common = {"protocol": 1, "runId": name, "baseGguf": str(model), "directory": str(run)}
    job = {
        **common,
        "trainRows": str(folder / "train.jsonl"),
        "validRows": str(folder / "valid.jsonl"),
        "replayRows": str(folder / "replay.jsonl"),
        "domain": "support",
        "baseDigest": "experiment",
        "datasetHash": "experiment",
        "adapterName": name,
        "threads": 2,
        **overrides,
    }
    started, cpu = time.monotonic(), cpu_of_children()
    trained = start("train", run, job)
    seconds, cpu = time.monotonic() - started, cpu_of_children() - cpu
    answers = engine(folder, model, Path(trained["adapterPath"]), [p for p, _ in sets["heldOut"]])
    greedy = [
        {"id": f"parity-{n}", "prompt": p, "generated": answer["tokens"]}
        for n, ((p, _), answer) in enumerate(zip(sets["heldOut"], answers))
    ]
    (run / "parity.jsonl").write_text("\n".join(map(json.dumps, greedy)))
    evaluated = start(
        "evaluate",
        run,
        {
            **common,
            "adapter": trained["adapterPath"],
            "sets": [{"name": key, "rows": str(folder / f"{key}.jsonl")} for key in ("heldOut", "general")],
            "parity": str(run / "parity.jsonl"),
            "threads": 2,
        },
    )
    losses = {entry["name"]: entry for entry in evaluated["sets"]}
    f1 = [token_f1(decode(answer["tokens"]), fact["answer"]) for (fact, _), answer in zip(held, answers)]
    exact = sum(decode(answer["tokens"]).strip() == fact["answer"] for (fact, _), answer in zip(held, answers))
    base = engine(folder, model, None, [p for p, _ in sets["heldOut"]], cache="base")
    f1_base = [token_f1(decode(answer["tokens"]), fact["answer"]) for (fact, _), answer in zip(held, base)]
    figures = {
        "name": name,
        **overrides,
        "steps": trained["steps"],
        "seconds": round(seconds),
        "trainSeconds": round(trained["seconds"]),
        "cpuSeconds": round(cpu),
        "lossTrain": round(trained["lossTrainLast"], 4),
        "lossValid": round(trained["lossValidBest"], 4),
        "stepBest": trained["stepBest"],
        "strength": trained["strength"],
        "guardLoss": [trained["lossGeneralBase"], trained["lossGeneral"]],
        "f1Base": round(sum(f1_base) / len(f1_base), 3),
        "f1": round(sum(f1) / len(f1), 3),
        "exact": f"{exact}/{len(f1)}",
        "heldOutLoss": [round(losses["heldOut"][key], 4) for key in ("lossBase", "lossAdapter")],
        "generalLoss": [round(losses["general"][key], 4) for key in ("lossBase", "lossAdapter")],
        "generalWorse": f"{100 * (losses['general']['lossAdapter'] / losses['general']['lossBase'] - 1):.1f} %",
        "parity": round(evaluated["parity"]["agreement"], 3),
        "memoryMiB": trained["memoryPeakBytes"] // 2**20,
    }
    print(json.dumps(figures))
    with (folder / "attempts.jsonl").open("a") as log:
        log.write(json.dumps(figures) + "\n")
    for (fact, question), answer, score in zip(held, answers, f1):
        if score < 0.8:
            print(f"  {score:.2f} {question!r} -> {decode(answer['tokens'])!r}")


def load_tokenizer(model: Path):
    """SmolLM2's: digits alone, then GPT-2's byte-level BPE."""
    fields = gguf.GGUFReader(model).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    kinds = fields["tokenizer.ggml.token_type"].contents()
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == 3])
    return lambda text: tokenizer.encode(text).ids, lambda ids: tokenizer.decode(ids)


def start(command: str, run: Path, job: dict) -> dict:
    path = run / f"{command}.json"
    path.write_text(json.dumps(job))
    blas = find_blas(2)
    log = run / f"{command}.jsonl"
    with log.open("w") as events:
        done = subprocess.run(
            [sys.executable, "-m", "lora_trainer", command, "--job", str(path)],
            cwd=HERE.parent,
            env={"PATH": "/usr/bin:/bin", **blas.environment},
            stdin=subprocess.DEVNULL,
            stdout=events,
        )
    last = json.loads(log.read_text().splitlines()[-1])
    if done.returncode != 0:
        raise SystemExit(str(last))
    return last


def cpu_of_children() -> float:
    """Beside the clock, because a shared machine's clock says little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def engine(folder: Path, model: Path, adapter: Path | None, prompts: list[list[int]], cache: str | None = None) -> list:
    kept = folder / f"engine-{cache}.json"
    if cache is None or not kept.exists():
        request = folder / "request.json"
        fields = {"model": str(model), "adapter": adapter and str(adapter), "prompts": prompts, "maxTokens": _ANSWER_TOKENS}
        request.write_text(json.dumps(fields))
        done = subprocess.run(["node", str(HERE / "engine.mjs"), str(request)], stdout=subprocess.PIPE, check=True)
        if cache is None:
            return json.loads(done.stdout)["answers"]
        kept.write_bytes(done.stdout)
    return json.loads(kept.read_text())["answers"]


def own_answers(folder: Path, model: Path, prompts: list[list[int]]) -> list[list[int]]:
    answers = engine(folder, model, None, prompts, cache="own")
    return [answer["tokens"] + ([2] if answer["ended"] else []) for answer in answers]


def token_f1(text: str, expected: str) -> float:
    """Words as bags, case and punctuation aside, as SQuAD counts."""
    got, want = (Counter(re.findall(r"\w+", words.lower())) for words in (text, expected))
    common = sum((got & want).values())
    return 0.0 if common == 0 else 2 * common / (got.total() + want.total())


if __name__ == "__main__":
    pairs = (argument.split("=", 1) for argument in sys.argv[4:])
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], {key: json.loads(value) for key, value in pairs})
