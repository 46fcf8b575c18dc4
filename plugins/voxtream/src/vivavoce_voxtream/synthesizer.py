"""VoXtream's generator: put together, warmed up, and spoken with. Imports torch and voxtream when it is built."""

# pyright: reportMissingImports=false
# (torch, moshi and voxtream are in the environment of the worker)

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import repeat
from typing import Any

from vivavoce_api import Progress
from vivavoce_voxtream.configuration import GENERATOR, SPEAKING_RATES
from vivavoce_voxtream.options import RANDOM_TINY, VoxtreamOptions
from vivavoce_voxtream.sample import VoiceSample

WARM_UP = "Hello there. This is said once, to nobody, so that the first reply comes as fast as all the others."
WARM_UPS_ON_GPU = 3
"""Compiled code and CUDA graphs are made in the first two generations; the third shows that they hold."""
CPU_THREADS = 4


class VoxtreamSynthesizer:
    """The generator, as `vivavoce_voxtream.narrator.Synthesizer` says. Belongs to the thread that built it."""

    def __init__(self, options: VoxtreamOptions, progress: Progress) -> None:
        """Load the weights. Blocks for seconds. Raises `PrerequisiteError` where they are not here."""
        set_environment(options)
        progress("importing VoXtream")
        self._generator = build_generator(options, progress)
        from vivavoce_voxtream.prompt import EncodedVoices

        self._voices = EncodedVoices(self._generator.ctx)
        self._options = options

    def warm_up(self, voice: VoiceSample, progress: Progress) -> None:
        """Speak to nobody, so that everything is compiled, captured and allocated. Minutes with max-autotune."""
        times = WARM_UPS_ON_GPU if self._generator.ctx.device == "cuda" else 1
        for number in range(times):
            progress("warming up", number, times)
            with closing(self.speak(voice, iter(WARM_UP.split()))) as chunks:
                for _ in chunks:
                    pass

    def phones_in(self, word: str) -> int:
        """As voxtream counts them; its phonemizer remembers the word for when it is asked again."""
        from voxtream.utils.generator.text import text_to_phone_tokens

        context = self._generator.ctx
        tokens, *_ = text_to_phone_tokens(
            word, context.config, context.phone_to_token, context.phonemizer, full_streaming=True
        )
        return len(tokens)

    def begin(self) -> None:
        """Seed all randomness where the options say so."""
        if self._options.seed is not None:
            from voxtream.utils.generator import set_seed

            set_seed(self._options.seed)

    def speak(self, voice: VoiceSample, text: Iterator[str | None]) -> Generator[tuple[bytes, int], None, None]:
        """Chunks of 80 ms and the phone (from 1) where the next goes on; `text` is asked once the voice is encoded."""
        rate = self._options.speaking_rate
        chunks = self._generator.generate_stream(
            self._voices.path_of(voice),
            text,
            speaking_rate=None if rate is None else repeat(rate),
            return_progress=True,
        )
        with closing(chunks):
            for sound, _seconds, progress in chunks:
                yield _pcm16(sound), progress["phone_position"]


def set_environment(options: VoxtreamOptions) -> None:
    """What torch and moshi read from the environment when they are imported; what is set already stays."""
    folder = options.cache_folder
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder / "inductor"))
    os.environ.setdefault("TRITON_CACHE_DIR", str(folder / "triton"))
    import torch

    if not torch.cuda.is_available():
        os.environ.setdefault("NO_TORCH_COMPILE", "1")  # moshi would compile Mimi for minutes
    if not options.compile:
        os.environ["NO_CUDA_GRAPH"] = "1"


def build_generator(options: VoxtreamOptions, progress: Progress) -> Any:
    """A `voxtream.generator.SpeechGenerator` with the weights that the options ask for."""
    from vivavoce_voxtream.stand_ins import stand_in_for_unused

    stand_in_for_unused()
    from vivavoce_voxtream.espeak import phonemizer
    from vivavoce_voxtream.random_weights import RandomLoaders
    from vivavoce_voxtream.seams import fill_transformer_pool, replaced, transformer_sizes

    transformer_sizes()
    from voxtream import generator

    loaders: dict[str, Any] = {}
    settings = GENERATOR
    if options.is_random:
        progress(f"making up weights ({options.model}): the sound will be noise")
        made_up = RandomLoaders(tiny=options.model == RANDOM_TINY)
        loaders, settings = made_up.names(), GENERATOR | made_up.settings
    else:
        progress("loading VoXtream's weights")
        fill_transformer_pool()
    tuned = options.compile and options.compile_mode == "max-autotune"
    with replaced(generator, ESpeak=phonemizer, configure_cpu_threads=_use_cpu(options), **loaders):
        built = generator.SpeechGenerator(generator.SpeechGeneratorConfig(**settings), SPEAKING_RATES, compile=tuned)
    if options.fused_depth:
        from vivavoce_voxtream.fused import fuse_depth_loop

        fuse_depth_loop(built)
    return built


def _use_cpu(options: VoxtreamOptions) -> Any:
    """Instead of voxtream's, which takes all cores and can be called only once a process."""

    def use() -> None:
        import torch

        torch.set_num_threads(1 if options.model == RANDOM_TINY else min(CPU_THREADS, os.cpu_count() or 1))

    return use


def _pcm16(sound: Any) -> bytes:
    """Float samples as little-endian 16-bit ones, clipped at full scale."""
    import numpy as np

    return np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes()
