"""What is asked of the model, and what becomes of its answers. The model is a stub."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import ctranslate2
import numpy as np
import pytest
from vivavoce_whisper import decoder as decoder_module
from vivavoce_whisper.decoder import AbandonedError, Decoder, loop_start, settling_cut
from vivavoce_whisper.ending import EndingHead, head_of
from vivavoce_whisper.options import WhisperOptions
from vivavoce_whisper.pauses import quietest_cut

END = 1000
SPECIAL = {
    "<|endoftext|>": END,
    "<|startoftranscript|>": 1001,
    "<|en|>": 1002,
    "<|de|>": 1003,
    "<|transcribe|>": 1004,
    "<|notimestamps|>": 1005,
}
SIZE = 2
"""Of the encoder's states."""


def sound(duration_s: float, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(0).normal(0, level, int(duration_s * 16_000)).astype(np.float32)


def pcm(audio: np.ndarray) -> bytes:
    return (audio.clip(-1, 1) * 32767).astype("<i2").tobytes()


@dataclass
class StubModel:
    """Gives prepared answers and keeps what it was asked; tokens are numbers, and so is the text."""

    answers: list[SimpleNamespace]
    is_multilingual: bool = True
    windows_s: list[float] = field(default_factory=list)
    prompts: list[list[int]] = field(default_factory=list)
    max_lengths: list[int] = field(default_factory=list)
    beams: list[int] = field(default_factory=list)
    loud: range = range(0)
    is_loaded: bool = True

    def encode(self, features: Any) -> ctranslate2.StorageView:
        """States are 0, but for those in `loud`, whose first number is 1."""
        self.windows_s.append(features.shape[2] / 100)
        states = np.zeros((1, features.shape[2] // 2, SIZE), np.float32)
        states[0, list(self.loud), 0] = 1
        return ctranslate2.StorageView.from_array(states)

    def generate(self, encoded: object, prompts: list[list[int]], **options: Any) -> list[SimpleNamespace]:
        self.prompts += prompts
        self.max_lengths.append(options["max_length"])
        self.beams.append(options["beam_size"])
        return [self.answers.pop(0)]

    def detect_language(self, encoded: object) -> list[list[tuple[str, float]]]:
        return [[("<|de|>", 0.9), ("<|en|>", 0.1)]]

    def unload_model(self) -> None:
        self.is_loaded = False

    def decoder(self, **options: Any) -> Decoder:
        tokenizer = SimpleNamespace(
            token_to_id=SPECIAL.get,
            decode=lambda tokens, skip_special_tokens: " ".join(str(token) for token in tokens),
        )
        mel = SimpleNamespace(model=self, hf_tokenizer=tokenizer, feature_extractor=stub_mel)
        return Decoder(mel, **options)  # type: ignore[arg-type]


def stub_mel(audio: np.ndarray, padding: int) -> np.ndarray:
    return np.zeros((80, len(audio) // 160), np.float32)


def answer(*tokens: int, no_speech: float = 0.01, log_probability: float = -0.2) -> SimpleNamespace:
    return SimpleNamespace(sequences_ids=[list(tokens)], no_speech_prob=no_speech, scores=[log_probability])


@pytest.mark.parametrize(("duration_s", "window_s"), [(0.5, 12), (8, 12), (9.5, 12.5), (15, 18)])
def test_window_is_the_utterance_and_3_s_at_least_12(duration_s: float, window_s: float) -> None:
    model = StubModel([answer(1, 2)])
    assert model.decoder().decode(pcm(sound(duration_s))).text == "1 2"
    assert model.windows_s == [window_s]


def test_another_model_encodes_where_there_is_one() -> None:
    model, encoder = StubModel([answer(1, 2)]), StubModel([])
    decoder = model.decoder(encoder=encoder)
    assert decoder.decode(pcm(sound(2))).text == "1 2"
    decoder.last_moments(pcm(sound(2)))
    assert (model.windows_s, encoder.windows_s) == ([], [12, 12])
    decoder.close()
    assert not model.is_loaded
    assert not encoder.is_loaded


def test_full_window() -> None:
    model = StubModel([answer(1)])
    model.decoder(short_window=False).decode(pcm(sound(2)))
    assert model.windows_s == [30]


def test_text_that_goes_in_circles_is_decoded_again_in_the_full_window() -> None:
    model = StubModel([answer(1, 2, 3, 4, 1, 2, 3, 4), answer(1, 2, 3, 4, 5)])
    assert model.decoder().decode(pcm(sound(4))).text == "1 2 3 4 5"
    assert model.windows_s == [12, 30]


def test_text_that_is_cut_off_is_decoded_again_with_more_room() -> None:
    model = StubModel([answer(*range(21)), answer(*range(24))])
    assert model.decoder().decode(pcm(sound(1))).text == " ".join(map(str, range(24)))
    assert model.max_lengths == [2 * 21, 2 * 38]


def test_an_endless_circle_is_told_once() -> None:
    endless = [1, 2, 3, 4, 5] * 20
    model = StubModel([answer(*endless[:21]), answer(*endless[:38])])
    assert model.decoder().decode(pcm(sound(1))).text == "1 2 3 4 5"


def test_words_that_were_really_repeated_stay() -> None:
    said_twice = answer(1, 2, 3, 4, 1, 2, 3, 4)
    assert StubModel([said_twice, said_twice]).decoder().decode(pcm(sound(4))).text == "1 2 3 4 1 2 3 4"


def test_likely_silence_is_no_text() -> None:
    model = StubModel([answer(1, 2, no_speech=0.9, log_probability=-1.2)])
    assert model.decoder().decode(pcm(sound(1))).text == ""


@pytest.mark.parametrize(("no_speech", "log_probability"), [(0.9, -0.3), (0.3, -3)])
def test_sure_text_and_unlikely_silence_stay(no_speech: float, log_probability: float) -> None:
    model = StubModel([answer(1, 2, no_speech=no_speech, log_probability=log_probability)])
    assert model.decoder().decode(pcm(sound(1))).text == "1 2"


@pytest.mark.parametrize("audio", [sound(0), sound(0.08), np.zeros(32_000, np.float32)])
def test_next_to_nothing_needs_no_pass(audio: np.ndarray) -> None:
    assert StubModel([]).decoder().decode(pcm(audio)).text == ""


def test_prompt_names_the_language() -> None:
    model = StubModel([answer(1), answer(1)])
    model.decoder(language="en").decode(pcm(sound(1)))
    model.decoder(language="auto").decode(pcm(sound(1)))
    assert model.prompts == [[1001, 1002, 1004, 1005], [1001, 1003, 1004, 1005]]


@pytest.mark.parametrize(("decoding", "beams"), [("greedy", 1), ("beams", 5), ("checked", 5)])
def test_beams(decoding: str, beams: int) -> None:
    model = StubModel([answer(1, 2)])
    assert model.decoder(decoding=decoding).decode(pcm(sound(2))).text == "1 2"
    assert (model.prompts, model.beams, model.windows_s) == ([[1001, 1002, 1004, 1005]], [beams], [12])


def test_five_beams_unless_told_otherwise() -> None:
    model = StubModel([answer(1, 2)])
    model.decoder().decode(pcm(sound(2)))
    assert (model.beams, WhisperOptions().decoding) == ([5], "beams")


def test_doubtful_words_are_checked_in_the_full_window_with_timestamps() -> None:
    model = StubModel([answer(1, 2, log_probability=-0.51), answer(END + 364, 3, END + 366, log_probability=-0.6)])
    assert model.decoder(decoding="checked").decode(pcm(sound(2))).text == "3"
    assert model.prompts == [[1001, 1002, 1004, 1005], [1001, 1002, 1004]]
    assert (model.beams, model.windows_s) == ([5, 5], [12, 30])


def test_doubtful_words_stay_where_the_check_goes_in_circles() -> None:
    model = StubModel([answer(1, 2, log_probability=-0.6), answer(1, 2, 3, 4, 1, 2, 3, 4, 1)])
    assert model.decoder(decoding="checked").decode(pcm(sound(2))).text == "1 2"


def test_what_is_doubtful_and_goes_in_circles_is_checked_once() -> None:
    model = StubModel([answer(1, 2, 3, 4, 1, 2, 3, 4, log_probability=-0.6), answer(1, 2, 3, 4)])
    assert model.decoder(decoding="checked").decode(pcm(sound(4))).text == "1 2 3 4"
    assert model.prompts[1] == [1001, 1002, 1004]


@pytest.mark.parametrize(
    ("decoding", "log_probability", "draft"),
    [("checked", -0.49, False), ("checked", -0.9, True), ("greedy", -0.9, False), ("beams", -0.9, False)],
)
def test_sure_words_drafts_and_other_ways_of_decoding_need_no_check(
    decoding: str, log_probability: float, draft: bool
) -> None:
    model = StubModel([answer(1, log_probability=log_probability)])
    assert model.decoder(decoding=decoding).decode(pcm(sound(2)), draft=draft).text == "1"


def test_what_a_draft_settles_is_checked() -> None:
    audio = np.concatenate([sound(6), sound(0.6, 0.001), sound(4)])
    model = StubModel([answer(1, log_probability=-0.9), answer(2), answer(3, log_probability=-0.9)])
    decoded = model.decoder(decoding="checked").decode(pcm(audio), draft=True)
    assert (decoded.settled_text, decoded.text) == ("2", "3")


def test_likely_silence_is_not_checked() -> None:
    model = StubModel([answer(1, no_speech=0.9, log_probability=-1.2)])
    assert model.decoder(decoding="checked").decode(pcm(sound(1))).text == ""


def test_timestamps_count_towards_the_length_at_which_a_check_is_cut_off() -> None:
    model = StubModel([answer(1, 2, log_probability=-0.6), answer(END + 364, *range(37))])
    assert model.decoder(decoding="checked").decode(pcm(sound(1))).text == "1 2"


def test_prompt_of_an_english_model_is_short() -> None:
    model = StubModel([answer(1)], is_multilingual=False)
    model.decoder().decode(pcm(sound(1)))
    assert model.prompts == [[1001, 1005]]


@pytest.mark.parametrize("steps", [0, 1])
def test_an_unwanted_pass_ends_at_the_next_step(steps: int) -> None:
    model = StubModel([])
    wanted = iter([True] * steps + [False])
    with pytest.raises(AbandonedError):
        model.decoder().decode(pcm(sound(1)), lambda: next(wanted))
    assert len(model.windows_s) == steps


def test_long_audio_is_settled_piece_by_piece_at_pauses() -> None:
    audio = np.concatenate([sound(5), sound(0.6, 0.001), sound(5), sound(0.6, 0.001), sound(5)])
    decoded = (model := StubModel([answer(n) for n in range(1, 4)])).decoder().decode(pcm(audio))
    assert (decoded.settled_text, decoded.text) == ("1 2", "3")
    assert 10.6 < decoded.settled_samples / 16_000 < 11.2
    assert len(model.windows_s) == 3


def test_audio_without_a_pause_is_cut_where_it_must() -> None:
    audio = sound(40)
    assert settling_cut(audio[: 15 * 16_000]) == 0
    assert 3 <= settling_cut(audio) / 16_000 <= 14


def test_long_audio_at_once_is_cut_as_if_it_had_come_bit_by_bit() -> None:
    audio = np.concatenate([sound(6), sound(0.5, 0.001), sound(4), sound(1, 0.0001), sound(20)])
    grown = next(cut for end in range(0, len(audio), 8000) if (cut := settling_cut(audio[:end])))
    assert settling_cut(audio) == grown
    assert 6 <= grown / 16_000 <= 6.5


def test_quietest_cut_says_whether_it_is_a_pause() -> None:
    audio = np.concatenate([sound(2), sound(0.4, 0.001), sound(2)])
    cut, is_pause = quietest_cut(audio, 0, len(audio), 16_000)
    assert is_pause
    assert 2.1 <= cut / 16_000 <= 2.3
    assert not quietest_cut(sound(4), 0, 64_000, 16_000)[1]


@pytest.mark.parametrize(
    ("tokens", "start"),
    [([], None), ([1, 2, 3], None), ([1, 1, 1, 1], None), ([1, 2, 3, 4, 9, 1, 2, 3, 4], 5), ([7] * 6, 1)],
)
def test_loop_start(tokens: list[int], start: int | None) -> None:
    assert loop_start(tokens) == start


def test_limits_fit_the_encoder() -> None:
    assert decoder_module.SETTLE_AT_LATEST_S + decoder_module.SILENCE_AFTER_S <= decoder_module.FULL_WINDOW_S


HEAD = EndingHead(np.array([4, 0, -2, 0], np.float32), bias=-1.0)


@pytest.mark.parametrize(
    ("loud", "log_odds"),
    [
        (range(97, 100), 3),  # the newest 60 ms of 2 s
        (range(92, 97), -3),
        (range(92, 100), 1),
        (range(92), -1),
        (range(100, 600), -1),  # padding
    ],
)
def test_how_likely_the_turn_is_over_is_read_from_the_last_states(loud: range, log_odds: float) -> None:
    decoded = StubModel([answer(1, 2)], loud=loud).decoder(head=HEAD).decode(pcm(sound(2)))
    assert decoded.end_of_turn == pytest.approx(1 / (1 + np.exp(-log_odds)))


def test_it_is_read_at_the_end_of_what_is_not_settled() -> None:
    audio = np.concatenate([sound(6), sound(0.6, 0.001), sound(4)])
    model = StubModel([answer(1), answer(2)])
    settled = settling_cut(audio)
    end = round((len(audio) - settled) / 320)
    model.loud = range(end - 3, end)
    assert model.decoder(head=HEAD).decode(pcm(audio)).end_of_turn == pytest.approx(1 / (1 + np.exp(-3)))


@pytest.mark.parametrize(
    ("given", "options", "duration_s"),
    [
        ([answer(1, 2, no_speech=0.9, log_probability=-0.9)], {}, 2),
        ([answer()], {}, 2),
        ([answer(1)], {}, 0.15),
        ([answer(1)], {"head": None}, 2),
    ],
    ids=["silence", "no words", "short", "another model"],
)
def test_nothing_is_told_without_words_and_of_little_sound(
    given: list[SimpleNamespace], options: dict[str, Any], duration_s: float
) -> None:
    assert StubModel(given).decoder(**{"head": HEAD} | options).decode(pcm(sound(duration_s))).end_of_turn is None


@pytest.mark.parametrize(
    "given",
    [
        [answer(1, 2, log_probability=-0.6), answer(3, 4)],
        [answer(1, 2, 3, 4, 1, 2, 3, 4), answer(1, 2, 3, 4)],
    ],
    ids=["doubtful", "circles"],
)
def test_of_two_decodes_the_first_tells(given: list[SimpleNamespace]) -> None:
    decoder = StubModel(given, loud=range(97, 100)).decoder(head=HEAD, decoding="checked")
    assert decoder.decode(pcm(sound(2))).end_of_turn == pytest.approx(1 / (1 + np.exp(-3)))


@pytest.mark.parametrize(
    ("options", "is_told"),
    [
        ({}, True),
        ({"language": "de"}, False),
        ({"language": "auto"}, False),  # and German is heard
        ({"language": "de", "end_of_turn": "always"}, True),
        ({"end_of_turn": "never"}, False),
    ],
)
def test_whether_the_turn_is_over_is_told_in_english_or_as_asked(options: dict[str, Any], is_told: bool) -> None:
    decoded = StubModel([answer(1, 2)]).decoder(head=HEAD, **options).decode(pcm(sound(2)))
    assert (decoded.end_of_turn is not None) == is_told


def test_a_model_of_english_alone_tells_whether_the_turn_is_over() -> None:
    model = StubModel([answer(1, 2)], is_multilingual=False)
    assert model.decoder(head=HEAD).decode(pcm(sound(2))).end_of_turn is not None


def test_what_a_head_is_fitted_to_is_what_it_reads() -> None:
    audio = pcm(sound(2))
    model = StubModel([answer(1)], loud=range(95, 100))
    seen = model.decoder().last_moments(audio)
    assert seen.tolist() == pytest.approx([1, 0, 0.4, 0])
    assert model.decoder(head=HEAD).decode(audio).end_of_turn == pytest.approx(
        1 / (1 + np.exp(-(seen @ HEAD.weights - 1)))
    )
    with pytest.raises(ValueError, match=r"0\.100 s of sound are too short"):
        model.decoder().last_moments(pcm(sound(0.1)))


@pytest.mark.parametrize(("model", "size"), [("base", 512), ("tiny.en", 384)])
def test_the_models_that_come_as_wheels_have_a_head(model: str, size: int) -> None:
    head = head_of(model)
    assert head is not None
    assert head.weights.shape == (2 * size,)


@pytest.mark.parametrize("model", ["small", "Systran/faster-whisper-base", "/models/base", "../heads/base"])
def test_other_models_have_none(model: str) -> None:
    assert head_of(model) is None
