"""The ONNX models that pipecat-ai ships, opened without importing pipecat.

Importing `pipecat` logs a banner and replaces `asyncio.wait_for` for the whole process. Neither silero nor
smart-turn needs it: their weights are plain files, and smart-turn's features are one numpy module, which is
loaded from its file.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from vivavoce_api import PrerequisiteError, Progress, WeightFile, Weights, WheelPart
from vivavoce_api.weights import locate

if TYPE_CHECKING:
    import onnxruntime

INSTALL = "pipecat-ai==1.14.0"
SILERO_FILE = "silero_vad.onnx"
SMART_TURN_FILE = "smart-turn-v3.2-cpu.onnx"
FEATURES_FILE = "audio/turn/smart_turn/_whisper_features.py"

SILERO = Weights(
    name="silero-vad v5",
    origin="github.com/snakers4/silero-vad, as shipped by pipecat-ai",
    licence="MIT",
    install=INSTALL,
    files=(
        WeightFile(
            SILERO_FILE,
            "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
            (WheelPart("pipecat-ai", f"pipecat/audio/vad/data/{SILERO_FILE}"),),
        ),
    ),
)
SMART_TURN = Weights(
    name="smart-turn v3.2 (CPU)",
    origin="github.com/pipecat-ai/smart-turn, as shipped by pipecat-ai",
    licence="BSD-2-Clause",
    install=INSTALL,
    files=(
        WeightFile(
            SMART_TURN_FILE,
            "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            (WheelPart("pipecat-ai", f"pipecat/audio/turn/smart_turn/data/{SMART_TURN_FILE}"),),
        ),
    ),
)


def open_model(weights: Weights, progress: Progress, threads: int) -> onnxruntime.InferenceSession:
    """The one verified model of `weights`, on the CPU, using `threads` threads a pass.

    Raises `PrerequisiteError` where the file is missing or is not the one that was tested.
    """
    import onnxruntime

    file = locate(weights, progress) / weights.files[0].name
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads
    # Threads that spin between passes would take the other core from everybody else.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), sess_options=options, providers=["CPUExecutionProvider"])


def feature_code() -> ModuleType:
    """Pipecat's own feature extraction of smart-turn. Raises `PrerequisiteError` where this release lacks it."""
    package = importlib.util.find_spec("pipecat")
    folders = (package.submodule_search_locations or ()) if package else ()
    for folder in folders:
        spec = importlib.util.spec_from_file_location("vivavoce_pipecat._features", Path(folder) / FEATURES_FILE)
        if spec and spec.loader and (Path(folder) / FEATURES_FILE).is_file():
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise PrerequisiteError(
        "smart-turn needs the feature code of pipecat-ai 1.14, which is not installed", fix=f"pip install {INSTALL}"
    )
