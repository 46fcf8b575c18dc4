"""Options of the simulated engines. The defaults are those of real engines on an A100."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, JsonValue

from vivavoce_simulated.faults import FaultOptions

SESSION_PARAMETER = "script_from"
"""The client's URL may name the entry of the script (from 0) that its first turn uses: `/ws?script_from=3`."""


class SpeechToTextOptions(FaultOptions):
    """What the YAML says under `stt`."""

    pass_ms: float = Field(30, ge=0, le=60_000, description="How long a pass over the audio takes, in milliseconds.")
    script: Path | None = Field(
        None,
        description="JSON file: a list of turns, each a list of {word, end_ms}, counted from the utterance's first"
        " voiced sample; turn n uses entry n modulo the length. Without it every turn is 'Hello there.' A word may have"
        " `end_of_turn`, the probability that the turn is over after it, as a real transcriber found.",
    )
    transcriber: dict[str, JsonValue] = Field(
        {},
        description="That one, as a section {plugin: NAME, **options}. `vivavoce bench` lets it listen, before it"
        " begins, to clips whose words are not in the script.",
    )
    partial_every_ms: float = Field(
        500, gt=0, le=60_000, description="A pass is made each time that so many milliseconds of new audio came."
    )
    voiced_above_dbfs: float = Field(
        -40, ge=-96, le=0, description="The first 10 ms with a level above this (dB of full scale) are voiced."
    )


class LanguageModelOptions(FaultOptions):
    """What the YAML says under `llm`."""

    first_token_ms: float = Field(
        25, ge=0, le=60_000, description="Time from the request to the first token, in milliseconds."
    )
    token_ms: float = Field(8, ge=0, le=60_000, description="Time from each token to the next, in milliseconds.")
    reply: str = Field(
        "I see. Tell me a little more about that, if you like.",
        max_length=100_000,
        description="What it says each time, a word a token.",
    )


class JudgeOptions(FaultOptions):
    """What the YAML says under `completeness`."""

    pass_ms: float = Field(25, ge=0, le=60_000, description="How long an answer takes, in milliseconds.")
    script: Path = Field(
        description="JSON file: the script of the simulated speech-to-text, each word with `over`, the probability that"
        " the utterance is over after it, as a real model said."
    )
    reader: dict[str, JsonValue] = Field(
        {},
        description="That model, as a section {plugin: NAME, **options}. `vivavoce bench` asks it, before it begins,"
        " about clips whose words are not in the script.",
    )


class TextToSpeechOptions(FaultOptions):
    """What the YAML says under `tts`."""

    first_chunk_ms: float = Field(
        74,
        ge=0,
        le=60_000,
        description="Time to the first chunk, in milliseconds: from the first whole word with `streams_text`, else from"
        " the end of the first clause.",
    )
    chunk_ms: float = Field(80, ge=1, le=500, description="Length of a chunk of sound, in milliseconds.")
    real_time_factor: float = Field(
        0.2, ge=0, le=100, description="Seconds that it takes to make a second of sound, after the first chunk."
    )
    streams_text: bool = Field(
        False, description="Whether it speaks from the first whole word on, instead of waiting for the end of a clause."
    )
