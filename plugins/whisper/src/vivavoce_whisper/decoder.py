"""The model: 16 kHz audio in, text out, by CTranslate2 with a short encoder window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivavoce_whisper.ending import MIN_DURATION_S, last_moments
from vivavoce_whisper.pauses import quietest_cut

if TYPE_CHECKING:
    import ctranslate2
    import numpy as np
    from faster_whisper import WhisperModel

    from vivavoce_whisper.ending import EndingHead
    from vivavoce_whisper.options import Decoding, EndOfTurn

SAMPLE_RATE_HZ = 16_000

FULL_WINDOW_S = 30.0
"""What Whisper's encoder was trained on; it takes no more."""
MIN_WINDOW_S = 12.0
SILENCE_AFTER_S = 3.0
"""The shortest window that keeps the text right is max(12 s, utterance + 3 s): measured, see the README."""

SETTLE_AFTER_S = 8.0
SETTLE_AT_LATEST_S = 16.0
SETTLE_EARLIEST_S = 3.0
SETTLE_KEEP_S = 2.0
SETTLE_STEP_S = 0.5
"""More than 8 s of audio are settled up to the first clear pause, 16 s even without one, at their quietest
moment. Without timestamps Whisper tends to skip sentences in longer pieces: measured, see the README. A piece
has at least 3 s, and the newest 2 s are never settled."""

MIN_AUDIO_S = 0.1
SILENT_PEAK = 10 / 32768
"""Less than a syllable, or sound that never leaves the lowest bits, is not worth a pass."""

NO_SPEECH_PROBABILITY = 0.6
NO_SPEECH_LOG_PROBABILITY = -0.7
"""Whisper's own rule (Radford et al. 2022, section 4.5): silence where the no-speech token is likelier than 0.6
and the text's mean log probability is low. They use -1; on noise, "Thank you." in a short window reaches -0.92."""

DOUBT_BELOW = -0.5
"""A mean log probability of a text below which `checked` decodes again: of 423 lines of actors in noisy rooms, 7%."""

MEL_HOP_SAMPLES = 160

LOOP_TOKENS = 4
MAX_TOKENS = 224
"""Half of the positions of Whisper's decoder; the other half is for a prompt of earlier text."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a pass found: `settled_text` in the first `settled_samples` samples, which need no further pass,
    and `text` in the rest. Both are stripped. `end_of_turn`: how likely the speaker has finished with it, None where
    that is not known."""

    text: str
    settled_text: str = ""
    settled_samples: int = 0
    end_of_turn: float | None = None


class AbandonedError(Exception):
    """The pass was given up half-way, because nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to decode. `like_theirs`: with timestamps and the mel padded, as faster-whisper does (with five beams)."""

    beams: int
    like_theirs: bool


GREEDY, BEAMS, AGAIN = Manner(1, like_theirs=False), Manner(5, like_theirs=False), Manner(5, like_theirs=True)


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    tokens: Sequence[int]
    no_speech_probability: float
    log_probability: float
    cut_off: bool
    end_of_turn: float | None

    @property
    def is_silence(self) -> bool:
        return self.no_speech_probability > NO_SPEECH_PROBABILITY and self.log_probability < NO_SPEECH_LOG_PROBABILITY

    @property
    def goes_in_circles(self) -> bool:
        return self.cut_off or loop_start(self.tokens) is not None


class Decoder:
    """A loaded Whisper model. Blocking; several threads may call it, each call uses one replica of the model."""

    def __init__(
        self,
        model: WhisperModel,
        *,
        encoder: ctranslate2.models.Whisper | None = None,
        language: str = "en",
        short_window: bool = True,
        decoding: Decoding = "beams",
        head: EndingHead | None = None,
        end_of_turn: EndOfTurn = "english",
    ) -> None:
        """`encoder` is the same model, loaded once more for its encoder alone; by default `model` does all.

        `language` is a code that the model knows, or `auto`.

        `head` finds whether the turn is over, where `end_of_turn` says that this is to be told.
        """
        self._whisper = model
        self._model = model.model
        self._encoder = encoder or model.model
        self._language = language
        self._short_window = short_window
        self._manner = GREEDY if decoding == "greedy" else BEAMS
        self._checks = decoding == "checked"
        self._head = head
        self._tells_end = end_of_turn
        self._end_of_text = self._token("<|endoftext|>")

    def decode(self, pcm: bytes, is_wanted: Callable[[], bool] = lambda: True, *, draft: bool = False) -> Decoded:
        """Transcribe PCM16 mono at 16 kHz, of any length.

        `is_wanted` is asked before each step of the work, the encoder's being the first; once it says no,
        `AbandonedError` is raised. Words of a `draft` are not checked, unless they are settled.
        """
        audio = _samples_of(pcm)
        settled: list[str] = []
        start = 0
        while cut := settling_cut(audio[start:]):
            settled.append(self._decode_piece(audio[start : start + cut], is_wanted, check=self._checks)[0])
            start += cut
        text, end_of_turn = self._decode_piece(audio[start:], is_wanted, check=self._checks and not draft)
        return Decoded(text, " ".join(filter(None, settled)), start, end_of_turn)

    def last_moments(self, pcm: bytes) -> np.ndarray:
        """What a head is given of this sound, (2 * size,), to fit one; raises `ValueError` for less than 160 ms."""
        audio = _samples_of(pcm)
        while cut := settling_cut(audio):
            audio = audio[cut:]
        duration_s = len(audio) / SAMPLE_RATE_HZ
        if duration_s < MIN_DURATION_S:
            raise ValueError(f"{duration_s:.3f} s of sound are too short")
        encoded = self._encoder.encode(self._features(audio, self._window_s(duration_s), self._manner))
        return last_moments(_states(encoded), duration_s)

    def close(self) -> None:
        """Free the memory of the model."""
        self._model.unload_model()
        self._encoder.unload_model()

    def _decode_piece(
        self, audio: np.ndarray, is_wanted: Callable[[], bool], *, check: bool
    ) -> tuple[str, float | None]:
        """The text, and how likely the speaker has finished with it: the first decode's sound tells."""
        duration_s = len(audio) / SAMPLE_RATE_HZ
        if duration_s < MIN_AUDIO_S or abs(audio).max() <= SILENT_PEAK:
            return "", None
        window_s = self._window_s(duration_s)
        found = self._hypothesis(audio, window_s, int(14 + 7 * duration_s), self._manner, is_wanted)
        end_of_turn = found.end_of_turn
        is_doubtful = check and found.log_probability < DOUBT_BELOW
        if (found.goes_in_circles or is_doubtful) and not found.is_silence:
            again = self._hypothesis(audio, FULL_WINDOW_S, int(24 + 14 * duration_s), AGAIN, is_wanted)
            if found.goes_in_circles or not again.goes_in_circles:
                found = again
        if found.is_silence:
            return "", None
        tokens = found.tokens
        if found.cut_off:
            tokens = tokens[: loop_start(tokens)]
        text = self._whisper.hf_tokenizer.decode(list(tokens), skip_special_tokens=True).strip()
        return text, end_of_turn if text else None

    def _hypothesis(
        self, audio: np.ndarray, window_s: float, max_tokens: int, manner: Manner, is_wanted: Callable[[], bool]
    ) -> _Hypothesis:
        """One decode, cut off after `max_tokens`."""
        if not is_wanted():
            raise AbandonedError
        encoded = self._encoder.encode(self._features(audio, window_s, manner))
        if not is_wanted():
            raise AbandonedError
        prompt = self._prompt(encoded, manner)
        max_tokens = min(max_tokens, MAX_TOKENS)
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=manner.beams,
            max_length=2 * max_tokens,  # CTranslate2 writes half of it at most, as Whisper does
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        written = result.sequences_ids[0]
        tokens = [token for token in written if token < self._end_of_text]
        end_of_turn = None
        if self._head is not None and not manner.like_theirs and self._is_to_tell_end(prompt):
            end_of_turn = self._head.probability(_states(encoded), len(audio) / SAMPLE_RATE_HZ)
        return _Hypothesis(tokens, result.no_speech_prob, result.scores[0], len(written) >= max_tokens, end_of_turn)

    def _window_s(self, duration_s: float) -> float:
        wanted_s = max(MIN_WINDOW_S, duration_s + SILENCE_AFTER_S) if self._short_window else FULL_WINDOW_S
        return min(wanted_s, FULL_WINDOW_S)

    def _is_to_tell_end(self, prompt: Sequence[int]) -> bool:
        if self._tells_end == "english":
            return not self._model.is_multilingual or self._token("<|en|>") in prompt
        return self._tells_end == "always"

    def _features(self, audio: np.ndarray, window_s: float, manner: Manner) -> object:
        """The mel spectrogram of the audio, padded with silence up to the window's end.

        Padding the audio, not the mel, is what training did; faster-whisper pads the mel.
        """
        import ctranslate2
        import numpy as np

        samples = _samples(window_s)
        if manner.like_theirs:
            mel = self._whisper.feature_extractor(audio, padding=MEL_HOP_SAMPLES)[:, :-1]
        else:
            mel = self._whisper.feature_extractor(np.pad(audio, (0, samples - len(audio))), padding=0)
        mel = mel[np.newaxis, :, : samples // MEL_HOP_SAMPLES].astype(np.float32)
        padded = np.pad(mel, ((0, 0), (0, 0), (0, samples // MEL_HOP_SAMPLES - mel.shape[2])))
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(padded))

    def _prompt(self, encoded: object, manner: Manner) -> list[int]:
        names = ["<|startoftranscript|>"]
        if self._model.is_multilingual:
            names += [self._language_token(encoded), "<|transcribe|>"]
        return [self._token(name) for name in (names if manner.like_theirs else [*names, "<|notimestamps|>"])]

    def _language_token(self, encoded: object) -> str:
        if self._language != "auto":
            return f"<|{self._language}|>"
        return self._model.detect_language(encoded)[0][0][0]

    def _token(self, name: str) -> int:
        token = self._whisper.hf_tokenizer.token_to_id(name)
        if token is None:
            raise ValueError(f"the model's tokenizer knows no {name}")
        return token


def _states(encoded: ctranslate2.StorageView) -> np.ndarray:
    """What the encoder found, (frames, size) float32."""
    import ctranslate2
    import numpy as np

    on_cpu = encoded.to_device(ctranslate2.Device.cpu).to(ctranslate2.DataType.float32)
    return np.array(on_cpu)[0]


def settling_cut(audio: np.ndarray) -> int:
    """How many samples at the start of unsettled audio can be settled now, as a piece of its own; 0: none.

    Long audio that comes at once is cut where it would have been cut had it come bit by bit.
    """
    first, last, step = (_samples(seconds) for seconds in (SETTLE_AFTER_S, SETTLE_AT_LATEST_S, SETTLE_STEP_S))
    for end in range(first, min(len(audio), last) + 1, step):
        latest = end - _samples(SETTLE_KEEP_S)
        cut, is_pause = quietest_cut(audio[:end], _samples(SETTLE_EARLIEST_S), latest, SAMPLE_RATE_HZ)
        if is_pause or end == last:
            return cut
    return 0


def _samples_of(pcm: bytes) -> np.ndarray:
    import numpy as np

    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def _samples(duration_s: float) -> int:
    return int(duration_s * SAMPLE_RATE_HZ)


def loop_start(tokens: Iterable[int]) -> int | None:
    """Where a run of four tokens begins that was there before: Whisper goes round in circles; None if it doesn't."""
    tokens = tuple(tokens)
    seen: set[tuple[int, ...]] = set()
    for start in range(len(tokens) - LOOP_TOKENS + 1):
        gram = tokens[start : start + LOOP_TOKENS]
        if gram in seen:
            return start
        seen.add(gram)
    return None
