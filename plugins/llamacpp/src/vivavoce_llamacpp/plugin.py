"""The offer of this plugin: a language model in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivavoce_api import Kind, LanguageModelCapabilities, Offer, Progress, Requirements, hookimpl
from vivavoce_llamacpp.models import QWEN_CODER_0_5B, model_path
from vivavoce_llamacpp.options import LlamaCppOptions

if TYPE_CHECKING:
    from vivavoce_llamacpp.engine import LlamaCppEngine


def prepare(options: LlamaCppOptions, progress: Progress) -> None:
    """Join and verify the weights. Raises `PrerequisiteError`, `ConfigurationError`."""
    model_path(options.model, progress)


def load(options: LlamaCppOptions, progress: Progress) -> LlamaCppEngine:
    """The engine, its server process up and warm. Raises `PrerequisiteError`, `ConfigurationError`, `EngineError`."""
    path = model_path(options.model, progress)
    from vivavoce_llamacpp.engine import LlamaCppEngine

    progress(f"loading {path.name}")
    return LlamaCppEngine.start(options, path)


@hookimpl
def vivavoce_language_model() -> Iterable[Offer]:
    """One offer, `llamacpp`."""
    yield Offer(
        kind=Kind.LANGUAGE_MODEL,
        name="llamacpp",
        summary="embedded language model: llama.cpp with Qwen2.5-Coder, or any GGUF file",
        options=LlamaCppOptions,
        load=load,
        prepare=prepare,
        capabilities=LanguageModelCapabilities(tools=True, warms_prefix=True, predicts_end_of_turn=True, serial=True),
        requirements=Requirements(weights=(QWEN_CODER_0_5B,)),
        licence="Apache-2.0 (the models by name), MIT (llama.cpp); a GGUF file of yours has its own",
    )
