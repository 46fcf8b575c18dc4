"""Offers of this plugin."""

from __future__ import annotations

from typing import Any

from vivavoce_api import (
    Kind,
    LanguageModelCapabilities,
    Offer,
    Progress,
    SpeechToTextCapabilities,
    TextToSpeechCapabilities,
    hookimpl,
)
from vivavoce_simulated.options import (
    SESSION_PARAMETER,
    JudgeOptions,
    LanguageModelOptions,
    SpeechToTextOptions,
    TextToSpeechOptions,
)

SAMPLE_RATE_HZ = 24_000


@hookimpl
def vivavoce_speech_to_text() -> list[Offer]:
    """Transcripts from a script."""
    return [
        Offer(
            Kind.SPEECH_TO_TEXT,
            "simulated",
            "Speaks no language: reveals the words of a script, a pass at a time, for benchmarks and tests",
            SpeechToTextOptions,
            load_speech_to_text,
            SpeechToTextCapabilities(partials=True),
            session_parameters=(SESSION_PARAMETER,),
        )
    ]


@hookimpl
def vivavoce_language_model() -> list[Offer]:
    """One reply, and one set of judgements, each at a stated pace."""
    return [
        Offer(
            Kind.LANGUAGE_MODEL,
            "simulated",
            "Thinks nothing: gives the same reply each time, at a stated pace, for benchmarks and tests",
            LanguageModelOptions,
            load_language_model,
            LanguageModelCapabilities(warms_prefix=True),
        ),
        Offer(
            Kind.LANGUAGE_MODEL,
            "simulated-judge",
            "For `completeness` alone: a real model's answers about a script, recorded, at a stated pace",
            JudgeOptions,
            load_judge,
            LanguageModelCapabilities(predicts_end_of_turn=True),
        ),
    ]


@hookimpl
def vivavoce_text_to_speech() -> list[Offer]:
    """A tone as long as the words."""
    return [
        Offer(
            Kind.TEXT_TO_SPEECH,
            "simulated",
            "Says no words: hums as long as they would take, at a stated pace, for benchmarks and tests",
            TextToSpeechOptions,
            load_text_to_speech,
            TextToSpeechCapabilities(SAMPLE_RATE_HZ, streams_text=True, spans="words", first_chunk_ms=74),
        )
    ]


def load_speech_to_text(options: SpeechToTextOptions, progress: Progress) -> Any:
    """Read the script. Raises `ConfigurationError`."""
    from vivavoce_simulated.script import read_script
    from vivavoce_simulated.speech_to_text import SimulatedSpeechToText

    return SimulatedSpeechToText(options, read_script(options.script))


def load_language_model(options: LanguageModelOptions, progress: Progress) -> Any:
    """Nothing to load."""
    from vivavoce_simulated.language_model import SimulatedLanguageModel

    return SimulatedLanguageModel(options)


def load_judge(options: JudgeOptions, progress: Progress) -> Any:
    """Read the script. Raises `ConfigurationError`."""
    from vivavoce_simulated.judge import SimulatedJudge
    from vivavoce_simulated.script import read_script

    return SimulatedJudge(options, read_script(options.script))


def load_text_to_speech(options: TextToSpeechOptions, progress: Progress) -> Any:
    """Nothing to load."""
    from vivavoce_simulated.text_to_speech import SimulatedTextToSpeech

    return SimulatedTextToSpeech(options, SAMPLE_RATE_HZ)
