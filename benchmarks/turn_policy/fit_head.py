"""Fit a head: the weights by which the plugin `openvino` reads from a model's state whether a message is over.

    python benchmarks/turn_policy/fit_head.py qwen2.5-coder-0.5b --big-bench FOLDER --nlp-corpus FOLDER

Takes 5 minutes (0.5B) to 15 (1.5B) on two cores. The README says where the folders come from. Each word of an
utterance is an example: the user has finished after the last one, and has not after the others. A fifth of the
utterances is held out, to print how well ends are told from the rest.
"""

from __future__ import annotations

import argparse
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from events import read_utterances
from head_texts import Said, utterances
from listening import INSTRUCTIONS
from numpy.typing import NDArray
from vivavoce_openvino import ending
from vivavoce_openvino.chat import PLACEHOLDER, Chat
from vivavoce_openvino.context import Context, compiled
from vivavoce_openvino.conversion import MODEL, converted
from vivavoce_openvino.engine import default_threads
from vivavoce_openvino.weights import gguf_path

from vivavoce_api import Message

HERE = Path(__file__).parent
LAYERS = {"qwen2.5-coder-0.5b": 21, "qwen2.5-coder-1.5b": 26}
UTTERANCES = 1500
INSTRUCTED = (
    INSTRUCTIONS,
    "You answer the telephone of a small restaurant. Take orders for pizza, pasta and salads. Ask for what is missing:"
    " the size of a pizza, the address, the name. A large pizza is twelve dollars, a small one eight. Deliveries take"
    " forty minutes. If somebody wants to complain, say that you are sorry, and that the manager will call back. Speak"
    " in one or two short sentences of plain English. Never use lists, code or symbols.",
    "You are a calm, patient listener. Let people talk about how they feel, and ask one gentle question at a time.",
    "You are a stand-in for a language model.",
)
"""The instructions that the model has before it, each for a quarter of the utterances: agents have their own."""
END_WEIGHT = 0.5
"""Of the model's own probability of an ending. A joint fit gives it next to none: within these corpora the state tells
all. Beyond them, while this was chosen (1.5B), half of it ranked the ends of the clips at 0.962 and of the held-out
sentences at 0.936 (0.954 and 0.931 without it), but those of the reader at 0.970 (0.977)."""
L2 = 0.03
STEPS = 12

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Examples:
    """One a word: the state after it [n, size], an ending's probability [n], whether it is the last, its utterance."""

    states: Array
    endings: Array
    last: NDArray[np.bool_]
    utterance: NDArray[np.int64]


def main() -> None:
    """Read, fit, judge, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=LAYERS)
    parser.add_argument("--big-bench", required=True, type=Path)
    parser.add_argument("--nlp-corpus", required=True, type=Path)
    options = parser.parse_args()
    layer = LAYERS[options.model]
    own = [(u.agent, u.text) for u in read_utterances(HERE / "utterances.tsv") if u.number % 3 != 2]
    said = utterances(options.big_bench, options.nlp_corpus)[:UTTERANCES] + own
    examples = read(options.model, layer, said)
    held_out = examples.utterance % 5 == 4
    weights, bias = fitted(examples.states[~held_out], examples.last[~held_out])
    own_odds = ending_log_odds(examples.endings)
    by_state = examples.states @ weights + bias
    for name, odds in {"state": by_state, "model": own_odds, "both": by_state + END_WEIGHT * own_odds}.items():
        print(f"ends above other words, held out, by {name}: {area(odds[held_out], examples.last[held_out]):.3f}")
    target = Path(ending.__file__).parent / "heads" / f"{options.model}.npz"
    np.savez(target, layer=layer, weights=weights, end_weight=END_WEIGHT, bias=np.float32(bias))
    print(f"{target}: from {len(said)} utterances, {len(examples.last)} words")


def read(model: str, layer: int, said: list[Said]) -> Examples:
    """Show the model all utterances."""
    folder = converted(gguf_path(model, print), print)
    chat, context = Chat(folder), Context(compiled(folder / MODEL, default_threads(), layer))
    states, endings, last, numbers = [], [], [], []
    for number, (agent, user) in enumerate(said):
        print(f"\r{number} of {len(said)} utterances", end="", flush=True)
        tokens, after = words_of(chat, INSTRUCTED[number * len(INSTRUCTED) // len(said)], agent, user)
        if not after:
            continue
        reading = context.read(tokens[: max(after)], *after)
        assert reading.states is not None
        states += [state / np.sqrt(np.mean(state**2)) for state in reading.states]
        endings += [chat.end_probability(logits) for logits in reading.logits]
        last += [False] * (len(after) - 1) + [True]
        numbers += [number] * len(after)
    print()
    return Examples(np.array(states, np.float32), np.array(endings, np.float32), np.array(last), np.array(numbers))


def words_of(chat: Chat, instructions: str, agent: str, user: str) -> tuple[list[int], list[int]]:
    """The tokens of a conversation, and how many of them have been read after each of the user's words.

    Without the punctuation after a word. Words that share a token with it are left out; all of them where the last is.
    """
    said = [Message("assistant", agent)] if agent else []
    asked = [Message("system", instructions), *said, Message("user", PLACEHOLDER)]
    before = chat.rendered(asked, opens_reply=False).rpartition(PLACEHOLDER)[0]
    head, tokens = chat.tokens(before), chat.tokens(before + user)
    ends = {len(chat.text(tokens[len(head) : n])): n for n in range(len(head) + 1, len(tokens) + 1)}
    bare = list(bare_ends(user))
    if tokens[: len(head)] != head or not bare or bare[-1] not in ends:
        return tokens, []
    return tokens, [ends[end] for end in bare if end in ends]


def bare_ends(text: str) -> Iterator[int]:
    """Where each word ends, without the punctuation after it."""
    for word in re.finditer(r"\S+", text):
        end = len(text[: word.end()].rstrip(string.punctuation))
        if end > word.start():
            yield end


def fitted(states: Array, last: NDArray[np.bool_]) -> tuple[Array, float]:
    """Logistic regression by Newton's method with halved steps, L2 on the weights; 0.5 and 0.5."""
    x = np.column_stack([states, np.ones(len(states), np.float32)])
    ridge = np.full(x.shape[1], L2, np.float32)
    ridge[-1] = 0
    beta = np.zeros(x.shape[1], np.float32)
    beta[-1] = np.log(last.mean() / (1 - last.mean()))

    def loss(beta: Array) -> float:
        z = x @ beta
        return float(np.mean(np.logaddexp(0, z) - last * z) + 0.5 * np.sum(ridge * beta**2))

    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(x @ beta)))
        gradient = x.T @ (p - last) / len(x) + ridge * beta
        hessian = (x * (p * (1 - p))[:, None]).T @ x / len(x) + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        size = next((size for size in 0.5 ** np.arange(10) if loss(beta - size * step) < loss(beta)), 0.0)
        beta = beta - np.float32(size) * step
        if size == 0:
            break
    return beta[:-1], float(beta[-1])


def ending_log_odds(probabilities: Array) -> Array:
    """As the plugin takes them."""
    return np.log((probabilities + ending.FLOOR) / (1 - probabilities + ending.FLOOR))


def area(odds: Array, last: NDArray[np.bool_]) -> float:
    """How often an end has higher odds than another word (the area under the curve)."""
    ranks = np.argsort(np.argsort(odds))[last]
    return float((ranks.sum() - last.sum() * (last.sum() - 1) / 2) / (last.sum() * (~last).sum()))


if __name__ == "__main__":
    main()
