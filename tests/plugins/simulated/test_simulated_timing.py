"""The simulated engines take exactly as long as they say; on virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from vivavoce_simulated.language_model import SimulatedLanguageModel
from vivavoce_simulated.options import LanguageModelOptions, SpeechToTextOptions, TextToSpeechOptions
from vivavoce_simulated.script import read_script
from vivavoce_simulated.speech_to_text import SimulatedSpeechToText
from vivavoce_simulated.text_to_speech import SimulatedTextToSpeech

from vivavoce_api import AudioChunk, ConfigurationError, Flush, Message, SessionContext, TextDelta
from vivavoce_api.testing import peak, speech_clip, virtual_time_loop

CONTEXT = SessionContext("test")
VOICE_MS = 2000


def on_virtual_time(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        return runner.run(work)


async def timed(stream: AsyncIterator[Any]) -> list[tuple[float, Any]]:
    """All items, each with the milliseconds on the loop's clock."""
    return [(round(asyncio.get_running_loop().time() * 1000, 6), item) async for item in stream]


async def paced(items: list[Any], every_ms: float) -> AsyncIterator[Any]:
    for item in items:
        yield item
        await asyncio.sleep(every_ms / 1000)


# -- speech-to-text


def utterance(silence_ms: int, voice_ms: int) -> list[AudioChunk]:
    """20 ms chunks: silence, then a square wave loud enough to be a voice."""
    silence = [AudioChunk.silence(20, 16_000)] * (silence_ms // 20)
    return silence + [AudioChunk(b"\x00\x20\x00\xe0" * 160, 16_000)] * (voice_ms // 20)


def transcribe(items: list[Any], script: Path | None = None, turns: int = 1, **options: Any) -> Any:
    async def listen() -> list[Any]:
        engine = SimulatedSpeechToText(SpeechToTextOptions(**options), read_script(script))
        session = await engine.open_session(CONTEXT)
        return [await timed(session.transcribe(paced(items, 20))) for _ in range(turns)][-1]

    return on_virtual_time(listen())


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.json"
    first = [{"word": "one", "end_ms": 400}, {"word": "two", "end_ms": 900}]
    path.write_text(json.dumps([first, [{"word": "three", "end_ms": 100}]]))
    return path


def test_a_pass_takes_pass_ms_and_reveals_what_ended_before_the_audio_it_was_given(script: Path) -> None:
    transcripts = transcribe(utterance(200, 1000), script, pass_ms=30, partial_every_ms=300)
    # New audio is counted in chunks of 20 ms, of which the first comes at 0 ms: 300 ms are there at 280 ms.
    # The voice begins at 200 ms, so "one" has ended at 600 ms of audio and "two" at 1100 ms.
    assert [(ms, item.text, item.audio_ms, item.final) for ms, item in transcripts] == [
        (310, "", 300, False),
        (610, "one", 600, False),
        (910, "one", 900, False),
        (1210, "one two", 1200, True),
    ]


def test_a_transcript_has_what_was_found_at_the_end_of_its_last_word(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps([[{"word": "one", "end_ms": 400, "end_of_turn": 0.75}, {"word": "two", "end_ms": 900}]]))
    transcripts = transcribe(utterance(200, 1000), path, pass_ms=30, partial_every_ms=300)
    assert [(item.text, item.end_of_turn) for _, item in transcripts] == [
        ("", None),
        ("one", 0.75),
        ("one", 0.75),
        ("one two", None),
    ]


def test_flushes_during_a_pass_are_answered_by_one_that_covers_the_newest(script: Path) -> None:
    chunks = utterance(0, 200)

    async def spoken() -> AsyncIterator[Any]:
        for item in [*chunks[:5], Flush(), *chunks[5:7], Flush(), *chunks[7:], Flush()]:
            yield item
            await asyncio.sleep(0.01)
        await asyncio.sleep(5)

    async def listen() -> list[Any]:
        engine = SimulatedSpeechToText(SpeechToTextOptions(pass_ms=500), read_script(script))
        return await timed((await engine.open_session(CONTEXT)).transcribe(spoken()))

    transcripts = on_virtual_time(listen())
    # The first flush comes at 50 ms; during its pass the other two do.
    assert [(ms, item.audio_ms, item.final) for ms, item in transcripts] == [
        (550, 100, False),
        (1050, 200, False),
        (5130, 200, True),
    ]


def test_the_final_repeats_an_answered_flush_at_once(script: Path) -> None:
    async def spoken() -> AsyncIterator[Any]:
        for chunk in utterance(0, 500):
            yield chunk
        yield Flush()
        await asyncio.sleep(0.3)

    async def listen() -> list[Any]:
        engine = SimulatedSpeechToText(SpeechToTextOptions(pass_ms=50), read_script(script))
        return await timed((await engine.open_session(CONTEXT)).transcribe(spoken()))

    transcripts = on_virtual_time(listen())
    assert [(ms, item.text, item.final) for ms, item in transcripts] == [(50, "one", False), (300, "one", True)]


def test_turns_follow_the_script_around_and_silence_is_no_turn(script: Path) -> None:
    assert transcribe(utterance(0, 1000), script, turns=2)[-1][1].text == "three"
    assert transcribe(utterance(0, 1000), script, turns=3)[-1][1].text == "one two"
    assert transcribe(utterance(1000, 0), script, turns=3)[-1][1].text == ""


def test_a_voice_is_found_in_synthetic_speech(script: Path) -> None:
    clip = speech_clip(VOICE_MS)
    assert transcribe([clip], script)[-1][1].text == "one two"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[", "is no list of turns"),
        ("[]", "holds no turn"),
        ('[[{"word": "x"}]]', "0.0.end_ms"),
        ('{"a": 1}', "no list"),
    ],
)
def test_a_wrong_script_is_an_error_in_words(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=words):
        read_script(path)


def test_a_missing_script_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"can't be read: No such file"):
        read_script(tmp_path / "nowhere.json")


# -- language model


def test_tokens_come_at_the_stated_pace_whatever_the_reader_does() -> None:
    async def generate(reader_ms: float) -> list[tuple[float, str]]:
        engine = SimulatedLanguageModel(LanguageModelOptions(first_token_ms=25, token_ms=8, reply="Yes, I see. "))
        session = await engine.open_session(CONTEXT)
        heard = []
        async for item in session.generate([Message("user", "hi")]):
            heard.append((round(asyncio.get_running_loop().time() * 1000, 6), item))
            await asyncio.sleep(reader_ms / 1000)
        return [(ms, item.text) for ms, item in heard if isinstance(item, TextDelta)]

    assert on_virtual_time(generate(0)) == [(25, "Yes,"), (33, " I"), (41, " see. ")]
    assert on_virtual_time(generate(20)) == [(25, "Yes,"), (45, " I"), (65, " see. ")]


# -- text-to-speech


def speak(pieces: list[str], every_ms: float, **options: Any) -> list[tuple[float, Any]]:
    async def listen() -> list[Any]:
        engine = SimulatedTextToSpeech(TextToSpeechOptions(**options), 24_000)
        return await timed((await engine.open_session(CONTEXT)).synthesize(paced(pieces, every_ms)))

    return on_virtual_time(listen())


def test_with_streams_text_the_clock_starts_at_the_first_whole_word() -> None:
    pieces = ["I", " see", " what", " you", " mean", "."]
    chunks = speak(pieces, 50, streams_text=True, first_chunk_ms=74, chunk_ms=80, real_time_factor=0.1)
    assert chunks[0][0] == 50 + 74  # "I" is known to be whole when " see" comes
    assert chunks[1][0] == 50 + 74 + 8


def test_without_streams_text_the_clock_starts_at_the_end_of_the_first_clause() -> None:
    pieces = ["I", " see", " what", " you", " mean", ".", " And", " so"]
    chunks = speak(pieces, 50, first_chunk_ms=74, chunk_ms=80, real_time_factor=0.1)
    assert chunks[0][0] == 300 + 74  # the clause's end shows when " And" comes


def test_later_chunks_take_their_length_times_the_real_time_factor() -> None:
    chunks = speak(["Hello there."], 0, first_chunk_ms=100, chunk_ms=200, real_time_factor=0.5)
    # 5 + 1 + 6 characters of 65 ms = 780 ms
    assert [(ms, chunk.audio.duration_ms) for ms, chunk in chunks] == [(100, 200), (200, 200), (300, 200), (390, 180)]


def test_sound_is_never_made_before_its_text_was_known() -> None:
    chunks = speak(["One. ", "Two. "], 1000, first_chunk_ms=10, chunk_ms=500, real_time_factor=0.0)
    # "Two." waits for its white space, then hums 4 characters after a pause of one.
    assert [(ms, round(chunk.audio.duration_ms)) for ms, chunk in chunks] == [(10, 260), (1000, 325)]


def test_spans_are_the_words_and_their_exact_times() -> None:
    chunks = speak(["Hi you - 😀 all. 😀"], 0)
    spans = [(span.text, span.start_ms, span.end_ms) for _, chunk in chunks for span in chunk.spans]
    assert spans == [("Hi", 0, 130), ("you", 195, 390), ("- 😀 all.", 455, 715), ("😀", 715, 780)]
    assert max(peak(chunk.audio) for _, chunk in chunks) > 0.1


def test_text_without_words_gives_nothing() -> None:
    assert speak(["😀 - ...", " \n"], 10) == []


@pytest.mark.parametrize("options", [{"chunk_ms": 0}, {"chunk_ms": 501}, {"first_chunk_ms": -1}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TextToSpeechOptions(**options)
