"""Synthetic conversations about world.json, rendered as ChatML exactly as node-llama-cpp's ChatMLChatWrapper renders it."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

START, END = "<|im_start|>", "<|im_end|>"
OTHER_SYSTEM_PROMPTS = (
    "You are a friendly assistant.",
    "Answer the question.",
    "You are the assistant of this workspace. Answer in the language of the person.",
)
OPENINGS = ("Hi, ", "Hello, ", "Please, ", "Quick question: ", "Sorry, ", "One more thing: ")
SMALL_TALK_RATIO = 0.06


@dataclass(frozen=True)
class Topic:
    """Ways to ask, and what may be said: one good answer, several vague ones."""

    questions: tuple[str, ...]
    good: str
    vague: tuple[str, ...]


@dataclass(frozen=True)
class World:
    system_prompt: str
    facts: tuple[Topic, ...]
    small_talk: tuple[Topic, ...]

    def texts(self) -> list[str]:
        """Every text that the tokenizer should know, without repetition, in file order."""
        topics = self.facts + self.small_talk
        lines = [line for t in topics for line in (*t.questions, t.good, *t.vague)]
        return list(dict.fromkeys([self.system_prompt, *OTHER_SYSTEM_PROMPTS, *OPENINGS, *lines]))


def read_world(path: Path) -> World:
    """Held-out questions are included: the model shall know them and only lack the taste."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    facts = [
        Topic((*fact["questions"], *fact["heldOut"]), fact["answer"], tuple(fact["vague"]))
        for domain in raw["domains"].values()
        for fact in domain["facts"]
    ]
    small_talk = [Topic(tuple(talk["questions"]), talk["answer"], (talk["answer"],)) for talk in raw["smallTalk"]]
    return World(raw["systemPrompt"], tuple(facts), tuple(small_talk))


def vary(question: str, rng: random.Random) -> str:
    """The same question as a hurried or a polite person types it."""
    roll = rng.random()
    if roll < 0.70:
        return question
    if roll < 0.80:
        return question[0].lower() + question[1:]
    if roll < 0.90:
        return question.rstrip("?.!") or question
    return rng.choice(OPENINGS) + question[0].lower() + question[1:]


class Answers:
    """Deals answers from one shuffled deck per question, so that each question sees exactly its share of good ones.

    Independent draws give some questions more good answers than others, and greedy decoding then shows them.
    """

    def __init__(self, vague_per_good: int, rng: random.Random) -> None:
        self._vague_per_good = vague_per_good
        self._rng = rng
        self._decks: dict[str, list[str]] = {}

    def deal(self, topic: Topic, question: str) -> str:
        if self._vague_per_good == 0:
            return topic.good
        deck = self._decks.setdefault(question, [])
        if not deck:
            deck += [topic.good] * len(topic.vague) + list(topic.vague) * self._vague_per_good
            self._rng.shuffle(deck)
        return deck.pop()


def dialogue(world: World, turns: int, answers: Answers, rng: random.Random) -> list[tuple[str, bool]]:
    """Pieces of one conversation in order; the flag marks what the assistant says (and its end), which is trained on.

    Each answer is good or vague independently of the others, also when a question comes back, so that the history
    carries no style: an adapter must not need a clean history to answer well.
    """
    pieces: list[tuple[str, bool]] = []
    if rng.random() < 0.5:
        pieces.append((START, False))  # node-llama-cpp puts the BOS token, which is <|im_start|>, before the first role
    roll = rng.random()
    if roll < 0.85:
        system = world.system_prompt if roll < 0.70 else rng.choice(OTHER_SYSTEM_PROMPTS)
        pieces.append((f"{START}system\n{system}{END}\n", False))
    topic = rng.choice(world.facts)
    for turn in range(turns):
        if turn == 0 or rng.random() > 0.15:
            topic = rng.choice(world.small_talk if rng.random() < SMALL_TALK_RATIO else world.facts)
        question = rng.choice(topic.questions)
        pieces.append((f"{START}user\n{vary(question, rng)}{END}\n{START}assistant\n", False))
        pieces.append((f"{answers.deal(topic, question)}{END}", True))
        pieces.append(("\n", False))
    return pieces
