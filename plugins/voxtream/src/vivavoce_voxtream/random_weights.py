"""Weights that are made up: for testing the mechanics where nothing can be downloaded. The sound is noise.

The code that runs is VoXtream's own; only its three loaders are replaced, and with `tiny` the sizes are.
"""

# pyright: reportMissingImports=false
# (torch, moshi and voxtream are in the environment of the worker)

from __future__ import annotations

from copy import deepcopy
from typing import Any

from vivavoce_voxtream.configuration import ARCHITECTURE, AUDIO_PAD_TOKEN, PUNCTUATION, TOKENS
from vivavoce_voxtream.seams import fill_transformer_pool

SEED = 20_251_122
TINY_WIDTH = 32
TINY_TRANSFORMER = {
    "num_layers": 1,
    "num_heads": 2,
    "num_kv_heads": 1,
    "embed_dim": TINY_WIDTH,
    "intermediate_dim": 2 * TINY_WIDTH,
}
TINY_FILTERS = 4
TINY_CODEBOOKS = 4
LOUDNESS = 0.1
"""Random codecs are silent or clipped; the last layer is scaled to about this standard deviation."""

# IPA symbols of eSpeak's American English; the real table comes with the checkpoint.
VOWELS = "ə ɐ æ ɑ ɑː ɔ ɔː ɛ ɜː ɚ ɪ i iː ʊ u uː ʌ eɪ aɪ ɔɪ oʊ aʊ ɑːɹ ɔːɹ ɛɹ ɪɹ ʊɹ oːɹ əl ᵻ"
CONSONANTS = "p b t d k ɡ f v θ ð s z ʃ ʒ h tʃ dʒ m n ŋ l ɹ j w ɾ ʔ n̩"


def phone_table() -> dict[str, int]:
    """Ids below 117 for vowels, plain and stressed, and consonants; the fixed ids of VoXtream above."""
    stressed = [stress + vowel for vowel in VOWELS.split() for stress in ("", "ˈ", "ˌ")]
    phones = CONSONANTS.split() + stressed
    table = {phone: index for index, phone in enumerate(phones[: min(PUNCTUATION.values())])}
    return table | PUNCTUATION | TOKENS


class RandomLoaders:
    """Stands in for voxtream's loaders: the same calls, with weights drawn from one seed."""

    def __init__(self, *, tiny: bool) -> None:
        self._tiny = tiny

    @property
    def settings(self) -> dict[str, Any]:
        """What the generator must be told differently."""
        return {"num_codebooks": TINY_CODEBOOKS} if self._tiny else {}

    def names(self) -> dict[str, Any]:
        """What replaces what in `voxtream.generator`."""
        return {
            "load_generator_model": self.generator_model,
            "load_mimi_model": self.codec,
            "load_speaker_encoder": self.speaker_encoder,
        }

    def fill_pool(self) -> None:
        """The transformers that the model is made of."""
        fill_transformer_pool(**(TINY_TRANSFORMER if self._tiny else {}))

    def generator_model(self, config: Any, device: str, dtype: Any, batch_size: int) -> tuple[Any, dict[str, int]]:
        """The language model over the codec's tokens, and the table of phones."""
        import torch
        from voxtream.model import Model, ModelConfig

        torch.manual_seed(SEED)
        self.fill_pool()
        sizes = {"embedding_dim": TINY_WIDTH, "num_codebooks": TINY_CODEBOOKS} if self._tiny else {}
        model = Model(ModelConfig(**(ARCHITECTURE | sizes)))
        torch.nn.init.normal_(model.audio_head, std=0.02)
        model = model.eval().to(device, dtype=dtype)
        model.setup_caches(max_batch_size=batch_size, dtype=dtype)
        return model, phone_table()

    def codec(self, config: Any, device: str, dtype: Any, num_codebooks: int) -> Any:
        """Mimi, which makes sound of tokens and tokens of sound."""
        import torch
        from moshi.models import loaders

        torch.manual_seed(SEED + 1)
        sizes = _tiny_codec(loaders._mimi_config) if self._tiny else None
        codec = loaders.get_mimi(None, sizes, device=device, num_codebooks=num_codebooks)
        return _audible(codec.eval().to(dtype=dtype))

    def speaker_encoder(self, config: Any, device: str, dtype: Any) -> Any:
        """Gives every voice the same fingerprint."""
        import torch

        fingerprint = torch.randn(1, ARCHITECTURE["spk_embedding_dim"], generator=torch.Generator().manual_seed(SEED))

        class OneSpeaker(torch.nn.Module):
            def forward(self, waveform: torch.Tensor) -> torch.Tensor:
                return fingerprint.to(waveform.device, waveform.dtype)

        return OneSpeaker().eval()


def _tiny_codec(full: dict[str, Any]) -> dict[str, Any]:
    """Mimi's configuration with a hundredth of the weights."""
    sizes = deepcopy(full)
    sizes["seanet"] |= {"dimension": TINY_WIDTH, "n_filters": TINY_FILTERS}
    sizes["quantizer"] |= {
        "dimension": TINY_WIDTH // 2,
        "input_dimension": TINY_WIDTH,
        "output_dimension": TINY_WIDTH,
    }
    sizes["transformer"] |= {
        "d_model": TINY_WIDTH,
        "num_heads": 2,
        "num_layers": 1,
        "dim_feedforward": 2 * TINY_WIDTH,
        "input_dimension": TINY_WIDTH,
        "output_dimensions": [TINY_WIDTH],
    }
    return sizes


def _audible(codec: Any) -> Any:
    """The codec with its codebooks filled and its last layer scaled so that random tokens can be heard."""
    import torch

    for name, buffer in codec.named_buffers():
        if name.endswith("embedding_sum"):
            torch.nn.init.normal_(buffer)
    dice = torch.Generator().manual_seed(SEED)
    tokens = torch.randint(0, AUDIO_PAD_TOKEN - 1, (1, codec.num_codebooks, 25), generator=dice)
    with torch.no_grad():
        sound = codec.decode(tokens.to(next(codec.parameters()).device))
        last = [module for module in codec.decoder.modules() if isinstance(module, torch.nn.Conv1d)][-1]
        last.weight.mul_(LOUDNESS / sound.float().std().clamp_min(1e-9))
        if last.bias is not None:
            last.bias.zero_()
    return codec
