"""Voices as the generator takes them: encoded once, kept by what can be heard and how it is encoded."""

# pyright: reportMissingImports=false
# (torch, moshi and voxtream are in the environment of the worker)

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vivavoce_voxtream.sample import VoiceSample


class EncodedVoices:
    """Encodes samples with voxtream's own functions and leaves the result where `cache_prompt` makes it look.

    VoXtream keeps an encoded sample `x.wav` as `x.prompt.npy` beside it, and believes that file ever after; here
    the name is a digest of the samples and of everything that bears on the result, in a folder of this process.
    """

    def __init__(self, context: Any) -> None:
        """`context` is the generator's (`voxtream.utils.generator.context.GenerationContext`)."""
        self._context = context
        self._folder = TemporaryDirectory(prefix="vivavoce-voxtream-")
        config = context.config
        settings = (
            config.normalize_prompt_loudness,
            config.prompt_loudness_lufs,
            config.max_prompt_sec,
            config.mimi_name,
            config.spk_enc_model_name,
            context.device,
            str(context.dtype),
        )
        self._settings = hashlib.sha256(repr(settings).encode()).hexdigest()[:16]

    def path_of(self, voice: VoiceSample) -> Path:
        """What to pass as `prompt_audio_path`; the file itself does not exist. Encodes a voice at its first call."""
        path = Path(self._folder.name) / f"{voice.key}-{self._settings}.wav"
        encoded = path.with_suffix(".prompt.npy")
        if not encoded.exists():
            self._encode(voice, encoded)
        return path

    def _encode(self, voice: VoiceSample, target: Path) -> None:
        """The steps of `voxtream.utils.generator.prompt.prepare_prompt` up to its cache, for samples in memory."""
        import numpy as np
        import torch
        from voxtream.utils.generator import prompt

        context, config = self._context, self._context.config
        with torch.inference_mode():
            sound = torch.from_numpy(voice.samples[: voice.sample_rate_hz * config.max_prompt_sec].copy()).unsqueeze(0)
            sound = prompt.normalize_prompt_loudness(
                sound, voice.sample_rate_hz, config.prompt_loudness_lufs, context.logger
            )
            place = {"device": context.device, "dtype": context.dtype}
            tokens = prompt.encode_audio_prompt(
                sound, voice.sample_rate_hz, context.mimi_prompt, config.mimi_sr, **place
            )
            speaker = prompt.extract_speaker_template(
                sound, voice.sample_rate_hz, context.spk_enc, config.spk_enc_sr, **place
            )
        values = {"audio_tokens": tokens.cpu().numpy(), "spk_embedding": speaker.to("cpu", torch.float16).numpy()}
        np.save(target, np.array(values, dtype=object), allow_pickle=True)
