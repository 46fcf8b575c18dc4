"""What libraries of others are told in environment variables, before they are imported."""

import os
from collections.abc import Mapping

SETTINGS = {
    "LOGURU_LEVEL": "WARNING",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Pipecat logs every detail with loguru, over whatever is displayed. numpy's OpenBLAS has a thread for each core, which
after a product looks out for the next one, at full speed and for tens of milliseconds, on a core that an engine needs
by then; our products are small."""


def settled(environment: Mapping[str, str]) -> dict[str, str]:
    """These variables, and ours where they are not among them: the user's settings win."""
    return {**SETTINGS, **environment}


def settle_libraries() -> None:
    """Set them for this process and those that it starts; libraries that it has imported by then do not heed them."""
    os.environ.update(settled(os.environ))
