"""Where a long utterance can be cut: at the quietest moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BLOCK_S = 0.02
PAUSE_S = 0.3
"""A pause between clauses lasts about this long; a plosive's closure is well below 0.15 s."""
CLEAR_PAUSE_DB = 20.0
"""How far below loud speech a stretch must lie to be a pause without doubt."""


def quietest_cut(audio: np.ndarray, earliest: int, latest: int, sample_rate_hz: int) -> tuple[int, bool]:
    """The middle of the quietest 0.3 s between two samples, and whether it is without doubt a pause.

    `audio` is float32; the cut is the index of a sample between `earliest` and `latest`. The level of speech
    is the 90th percentile of all 20 ms blocks.
    """
    import numpy as np

    block = int(BLOCK_S * sample_rate_hz)
    blocks = audio[: len(audio) // block * block].reshape(-1, block)
    power = np.mean(np.square(blocks), axis=1) + 1e-12
    width = int(PAUSE_S / BLOCK_S)
    smooth = np.convolve(power, np.full(width, 1 / width), mode="valid")
    first = max(0, earliest // block - width // 2)
    candidates = smooth[first : max(first + 1, latest // block - width // 2)]
    quietest = int(np.argmin(candidates))
    gap_db = 10 * np.log10(np.percentile(power, 90) / candidates[quietest])
    return (first + quietest + width // 2) * block, bool(gap_db >= CLEAR_PAUSE_DB)
