"""The offer of this plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivavoce_api import Kind, Offer, Progress, Requirements, TextToSpeechCapabilities, hookimpl
from vivavoce_rime.options import SAMPLE_RATE_HZ, RimeOptions

if TYPE_CHECKING:
    from vivavoce_rime.engine import Rime


def load(options: RimeOptions, progress: Progress) -> Rime:
    """The engine. Contacts nobody. Raises `ConfigurationError` where the API key is missing."""
    progress("connecting to Rime")
    from vivavoce_rime.engine import Rime

    return Rime.from_options(options)


@hookimpl
def vivavoce_text_to_speech() -> Iterable[Offer]:
    """One offer, `rime`."""
    yield Offer(
        kind=Kind.TEXT_TO_SPEECH,
        name="rime",
        summary="Rime's hosted voices, Mist v2 and v3, over a warm WebSocket with word times, or over HTTP",
        options=RimeOptions,
        load=load,
        capabilities=TextToSpeechCapabilities(SAMPLE_RATE_HZ, spans="words", first_chunk_ms=200),
        requirements=Requirements(environment=("RIME_API_KEY",)),
        licence="Apache-2.0 (the client; the service and its voices are under Rime's terms)",
    )
