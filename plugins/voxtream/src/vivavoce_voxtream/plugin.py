"""The offer of this plugin: what it is, where it runs, and how it is prepared and loaded.

Nothing here needs VoXtream: it lives in an environment of its own, where `prepare` and `load` are called.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce_api import (
    ClientError,
    Isolation,
    Kind,
    Offer,
    Progress,
    Requirements,
    TextToSpeechCapabilities,
    hookimpl,
)
from vivavoce_voxtream.configuration import SAMPLE_RATE_HZ
from vivavoce_voxtream.options import VoxtreamOptions
from vivavoce_voxtream.requirements import OVERRIDES, PIP
from vivavoce_voxtream.streams import worker_count
from vivavoce_voxtream.voices import load_voice, named_voices

if TYPE_CHECKING:
    from vivavoce_voxtream.engine import Voxtream
    from vivavoce_voxtream.narrator import Narrator
    from vivavoce_voxtream.sample import VoiceSample

logger = logging.getLogger(__name__)

START_S = 300.0
"""A large model, read from a slow disk and compiled; the worker beats all the while."""


@hookimpl
def vivavoce_text_to_speech() -> list[Offer]:
    """VoXtream."""
    return [
        Offer(
            Kind.TEXT_TO_SPEECH,
            "voxtream",
            "voices cloned from a sample of 3 to 20 s, speaking from the first word on; needs a GPU to keep up",
            VoxtreamOptions,
            load,
            TextToSpeechCapabilities(
                SAMPLE_RATE_HZ, streams_text=True, spans="words", clones_voices=True, first_chunk_ms=74
            ),
            prepare,
            Requirements(),
            session_parameters=("voice",),
            licence="MIT (voxtream), CC BY 4.0 (Mimi), GPL-3.0 (eSpeak NG); the weights were trained on data that"
            " includes CC BY-NC 4.0 (Emilia): ask before commercial use. Clone voices only with consent",
            isolation=Isolation(
                default="environment",
                pip=PIP,
                overrides=OVERRIDES,
                after_install=drop_torchaudio_extension,
                workers=worker_count,
                streams_per_worker=1,
                start_s=START_S,
            ),
        )
    ]


def drop_torchaudio_extension(progress: Progress) -> None:
    """Delete torchaudio's compiled part from the environment that this runs in.

    It is built for one version of CUDA, and torchaudio can't be imported beside a torch with another or none. Without
    the files it goes without: VoXtream uses only its resampling, which is plain torch.
    """
    from importlib.util import find_spec

    spec = find_spec("torchaudio")
    for place in (spec and spec.submodule_search_locations) or ():
        for library in sorted(Path(place, "lib").glob("*.so")):
            progress(f"removing {library.name} of torchaudio")
            library.unlink()


def prepare(options: VoxtreamOptions, progress: Progress) -> None:
    """Check the voice, download the weights, and compile where that takes long. Raises `VivavoceError`."""
    voice = load_voice(options.voice_file)
    if not options.is_random:
        from vivavoce_voxtream.downloads import download_everything

        download_everything(progress)
    from vivavoce_voxtream.compiling import compile_ahead

    compile_ahead(options, lambda: _narrator(options, voice, progress).close(), progress)


def load(options: VoxtreamOptions, progress: Progress) -> Voxtream:
    """Load and warm the generator in its thread. Blocks. Raises `VivavoceError`."""
    from vivavoce_voxtream.engine import Voxtream

    voice = load_voice(options.voice_file)
    if options.is_random:
        logger.warning("VoXtream runs with made-up weights (model: %s): what it says is noise", options.model)
    narrator = _narrator(options, voice, progress)

    def voice_of(name: str) -> VoiceSample:
        return voice if not name else _chosen_by_client(options, name)

    return Voxtream(narrator, voice_of)


def _narrator(options: VoxtreamOptions, voice: VoiceSample, progress: Progress) -> Narrator:
    """The generator's thread, with the generator loaded and warm."""
    from vivavoce_voxtream.narrator import Narrator
    from vivavoce_voxtream.synthesizer import VoxtreamSynthesizer

    def build() -> VoxtreamSynthesizer:
        synthesizer = VoxtreamSynthesizer(options, progress)
        synthesizer.warm_up(voice, progress)
        return synthesizer

    narrator = Narrator(build, voice)
    narrator.start()
    return narrator


def _chosen_by_client(options: VoxtreamOptions, name: str) -> VoiceSample:
    """The voice that a client asked for, if it is in the folder of named voices. Raises `ClientError`."""
    voices = named_voices(options.voices) if options.voices is not None else {}
    if name not in voices:
        known = ", ".join(voices) or "none"
        raise ClientError(f"there is no voice of that name; voices to choose from: {known}")
    return load_voice(voices[name])
