"""The offer of this plugin: a language model on the CPU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivavoce_api import Kind, LanguageModelCapabilities, Offer, Progress, Requirements, hookimpl
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.weights import QWEN_CODER_0_5B, gguf_path

if TYPE_CHECKING:
    from vivavoce_openvino.engine import OpenVinoEngine


def prepare(options: OpenVinoOptions, progress: Progress) -> None:
    """Join, verify and convert the weights. Raises `PrerequisiteError`, `ConfigurationError`."""
    from vivavoce_openvino.conversion import converted

    converted(gguf_path(options.model, progress), progress)


def load(options: OpenVinoOptions, progress: Progress) -> OpenVinoEngine:
    """The engine, warm. Raises `PrerequisiteError`, `ConfigurationError`."""
    from vivavoce_openvino.conversion import converted
    from vivavoce_openvino.engine import OpenVinoEngine

    path = gguf_path(options.model, progress)
    folder = converted(path, progress)
    progress(f"loading {path.name}")
    return OpenVinoEngine(options, folder)


@hookimpl
def vivavoce_language_model() -> Iterable[Offer]:
    """One offer, `openvino`."""
    yield Offer(
        kind=Kind.LANGUAGE_MODEL,
        name="openvino",
        summary="embedded language model: OpenVINO with Qwen2.5-Coder, or a GGUF file; reads prompts fast on the CPU",
        options=OpenVinoOptions,
        load=load,
        prepare=prepare,
        capabilities=LanguageModelCapabilities(warms_prefix=True, predicts_end_of_turn=True, serial=True),
        requirements=Requirements(weights=(QWEN_CODER_0_5B,)),
        licence="Apache-2.0 (OpenVINO, the model by name); a GGUF file of yours has its own",
    )
