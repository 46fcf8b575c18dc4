"""The offer of this plugin: a language model behind an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivavoce_api import Kind, LanguageModelCapabilities, Offer, Progress, Requirements, hookimpl
from vivavoce_vllm.options import VllmOptions
from vivavoce_vllm.servers import SESSION_PARAMETER

if TYPE_CHECKING:
    from vivavoce_vllm.engine import VllmEngine


def load(options: VllmOptions, progress: Progress) -> VllmEngine:
    """The engine. Contacts no server: one that is down is an error of the turn that needs it."""
    progress("connecting the language model's client")
    from vivavoce_vllm.engine import VllmEngine

    return VllmEngine.from_options(options)


@hookimpl
def vivavoce_language_model() -> Iterable[Offer]:
    """One offer, `vllm`."""
    yield Offer(
        kind=Kind.LANGUAGE_MODEL,
        name="vllm",
        summary="any OpenAI-compatible server: vLLM, and others that speak chat completions",
        options=VllmOptions,
        load=load,
        capabilities=LanguageModelCapabilities(tools=True, warms_prefix=True, predicts_end_of_turn=True),
        requirements=Requirements(environment=("VLLM_URL", "VLLM_API_KEY")),
        session_parameters=(SESSION_PARAMETER,),
        licence="Apache-2.0 (the client; the server and its model have their own)",
    )
