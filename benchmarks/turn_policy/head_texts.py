"""What people say and write: utterances from corpora that come as packages, to fit a head to."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

PLAIN = re.compile(r"[A-Za-z0-9 ,.?!'\"$;:%&-]+")
MAX_WORDS, MAX_AGENT_WORDS = 35, 24
SHARES = {"requests": 900, "chat": 700, "films": 800, "prose": 900, "questions": 250}
"""How many utterances of each corpus."""

Said = tuple[str, str]
"""What the agent said before, or nothing, and what the user says."""


def utterances(big_bench: Path, nlp_corpus: Path) -> list[Said]:
    """3,550 of them, shuffled, the same each time.

    `big_bench`: the folder `bigbench/benchmark_tasks` of the source package of that name; `nlp_corpus`: the folder
    `builds` of the npm package.
    """
    chosen = random.Random(1)
    corpora = {
        "requests": requests(big_bench / "gem/schema_guided_dialog"),
        "chat": chat(big_bench / "topical_chat"),
        "films": films(big_bench / "movie_dialog_same_or_different"),
        "prose": prose(nlp_corpus),
        "questions": questions(big_bench / "disfl_qa"),
    }
    found: list[Said] = []
    for name, said in corpora.items():
        known = sorted({user: (agent, user) for agent, user in said if is_plain(user)}.values())
        chosen.shuffle(known)
        found += known[: SHARES[name]]
    chosen.shuffle(found)
    return found


def is_plain(text: str) -> bool:
    """Words of a common length, without signs that nobody says."""
    return 1 <= len(text.split()) <= MAX_WORDS and PLAIN.fullmatch(text) is not None


def requests(folder: Path) -> Iterator[Said]:
    """Users of voice assistants, and what these asked (Schema-Guided Dialogue)."""
    for example in _examples(folder):
        turns = re.findall(
            r'(user|response): "(.*?)"\.(?= |$)', example["input"].split("The conversation so far", 1)[1]
        )
        for (role, before), (speaker, said) in zip([("response", ""), *turns], turns, strict=False):
            if speaker == "user":
                yield (before if role == "response" else ""), said


def chat(folder: Path) -> Iterator[Said]:
    """People who chat about a topic (Topical-Chat)."""
    for example in _examples(folder):
        before = re.findall(r'agent_[AB]: "(.*?)"(?= agent_|$)', example["input"])
        asked = before[-1] if before and len(before[-1].split()) <= MAX_AGENT_WORDS else ""
        yield asked, example["target"].strip('" ')


def films(folder: Path) -> Iterator[Said]:
    """Lines of films after which somebody else speaks (Cornell Movie-Dialogs)."""
    for example in _examples(folder):
        line = re.search(r'were the sentences "(.*?)" and "', example["input"])
        if line and example["target_scores"]["different"] and not re.search(r"\.\.|--|[^.?!]$", line[1]):
            yield "", line[1]


def questions(folder: Path) -> Iterator[Said]:
    """Questions of people who correct themselves (Disfl-QA)."""
    for example in _examples(folder):
        line = example["input"].split("\n")[0].strip()
        yield "", re.sub(r" ([?',.])", r"\1", line).replace("' s", "'s")


def prose(folder: Path) -> Iterator[Said]:
    """Sentences of reviews, news, books and letters (nlp-corpus); shorter lines are mostly headings."""
    for path in sorted(folder.glob("doc-*.json")):
        for line in json.loads(path.read_text(encoding="utf-8")):
            if len(line.split()) > 2 and line[-1] in ".?!":
                yield "", line


def _examples(folder: Path) -> list[dict]:
    return json.loads((folder / "task.json").read_text(encoding="utf-8"))["examples"]
