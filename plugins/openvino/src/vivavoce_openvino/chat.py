"""Messages as tokens, tokens as text, and which token comes next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino_genai

from vivavoce_api import Message
from vivavoce_api.endings import ends_message, unpunctuated

PLACEHOLDER = "\u2042"
"""Stands for the user's words while the model's template is asked what comes before them."""
LIKELIEST = 20
"""Next tokens to look at when a message may end; the rest hold next to nothing of the probability."""
ENDS_OF_REPLY = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>")
"""Names of tokens at which models stop beside the one that their file calls the end; only single tokens count."""
MIN_P = 0.05
"""Tokens less than this times as likely as the likeliest are not drawn (min-p, Nguyen et al. 2024)."""


class Chat:
    """The model's tokenizer and chat template."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = openvino_genai.Tokenizer(str(folder))
        ends = [self.tokens(name) for name in ENDS_OF_REPLY]
        self._stops = {self._tokenizer.get_eos_token_id(), *(tokens[0] for tokens in ends if len(tokens) == 1)}

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The conversation as tokens."""
        return self.tokens(self.rendered(messages, opens_reply=False))

    def reply_prompt(self, messages: Sequence[Message]) -> list[int]:
        """The conversation as tokens, up to where the reply begins."""
        return self.tokens(self.rendered(messages, opens_reply=True))

    def message_prompt(self, messages: Sequence[Message]) -> list[int]:
        """The conversation as tokens up to the last word of its last message, without the punctuation at its end."""
        words = unpunctuated(messages[-1].content)
        asked = [*messages[:-1], Message("user", PLACEHOLDER)]
        return self.tokens(self.rendered(asked, opens_reply=False).rpartition(PLACEHOLDER)[0] + words)

    def rendered(self, messages: Sequence[Message], *, opens_reply: bool) -> str:
        """The conversation as the model's template writes it; `opens_reply`: up to where the reply begins."""
        history = [{"role": message.role, "content": message.content} for message in messages]
        return self._tokenizer.apply_chat_template(history, add_generation_prompt=opens_reply)

    def tokens(self, text: str) -> list[int]:
        """A text as tokens; the names of special tokens become these."""
        return self._tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist()

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens say; ends with U+FFFD while a character is incomplete."""
        return self._tokenizer.decode(list(tokens))

    def stops(self, token: int) -> bool:
        """Whether the reply ends here."""
        return token in self._stops

    def end_probability(self, logits: np.ndarray) -> float:
        """The probability, 0 to 1, that the next token closes a sentence, a line or the message."""
        likeliest = np.argpartition(logits, -LIKELIEST)[-LIKELIEST:]
        texts = self._tokenizer.decode([[int(token)] for token in likeliest])
        ends = [self.stops(int(token)) or ends_message(text) for token, text in zip(likeliest, texts, strict=True)]
        return float(_probabilities(logits)[likeliest[ends]].sum())


def next_token(logits: np.ndarray, temperature: float, random: np.random.Generator) -> int:
    """The token that is drawn; the likeliest at temperature 0."""
    if temperature == 0:
        return int(np.argmax(logits))
    candidates = np.flatnonzero(logits >= logits.max() + temperature * np.log(MIN_P))
    return int(random.choice(candidates, p=_probabilities(logits[candidates] / temperature)))


def _probabilities(logits: np.ndarray) -> np.ndarray:
    likelihoods = np.exp(logits - logits.max(), dtype=np.float64)
    return likelihoods / likelihoods.sum()
