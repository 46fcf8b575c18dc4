"""Pipecat behind vivavoce's wire with real engines: `python -m benchmarks.peers.pipecat_embedded --agent YAML ...`.

Runs in vivavoce's own environment, which holds Pipecat and the embedded engines.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openai
import uvicorn
import yaml
from fastapi import WebSocket
from faster_whisper import WhisperModel
from loguru import logger
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.whisper.stt import WhisperSTTService

from benchmarks.peers.options import PIPECAT, WHISPER_COMPUTE_TYPE
from benchmarks.peers.pipecat_server import converse, make_app
from benchmarks.peers.pipecat_services import SentenceTTS
from benchmarks.peers.stages import INPUT_HZ, session_context
from vivavoce_api import no_progress
from vivavoce_hibari.engine import Hibari
from vivavoce_hibari.plugin import HibariOptions
from vivavoce_hibari.plugin import load as load_hibari
from vivavoce_llamacpp.engine import CACHE_RAM_MIB, default_threads
from vivavoce_llamacpp.models import model_path
from vivavoce_llamacpp.options import LlamaCppOptions
from vivavoce_llamacpp.server_process import ServerProcess
from vivavoce_whisper.options import WhisperOptions
from vivavoce_whisper.weights import model_folder


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of the quickstart agent, loaded and warm, and what it is told to say."""

    instructions: str
    greeting: str
    whisper: WhisperModel
    whisper_name: str
    llama: ServerProcess
    llama_options: LlamaCppOptions
    hibari: Hibari


class LoadedWhisper(WhisperSTTService):
    """Pipecat's service as it comes, but on a model that is loaded already: by itself, it loads one a conversation."""

    def __init__(self, model: WhisperModel, name: str) -> None:
        self._loaded = model
        super().__init__(settings=self.Settings(model=name))

    def _load(self) -> None:
        self._model = self._loaded


@contextmanager
def loaded(agent: Path) -> Iterator[Engines]:
    """Load and warm the engines that an agent's YAML names; they end with the context. Blocks.

    Raises `ValueError` where it names others than whisper, llamacpp and hibari, and what these raise.
    """
    document = yaml.safe_load(agent.read_text(encoding="utf-8"))
    hearing = WhisperOptions.model_validate(options_of(document, "stt", "whisper"))
    llama_options = LlamaCppOptions.model_validate(options_of(document, "llm", "llamacpp"))
    speaking = HibariOptions.model_validate(options_of(document, "tts", "hibari"))
    whisper = WhisperModel(str(model_folder(hearing.model, no_progress)), compute_type=WHISPER_COMPUTE_TYPE)
    list(whisper.transcribe(np.zeros(INPUT_HZ, np.float32), language="en")[0])
    hibari = load_hibari(speaking, no_progress)
    llama = llama_server(llama_options)
    try:
        instructions, greeting = document["instructions"], document.get("greeting", "")
        engines = Engines(instructions, greeting, whisper, hearing.model, llama, llama_options, hibari)
        warm(engines)
        yield engines
    finally:
        llama.stop()


def options_of(document: Mapping[str, Any], section: str, plugin: str) -> dict[str, Any]:
    """A section's options. Raises `ValueError` where it names another plugin."""
    options = dict(document[section])
    named = options.pop("plugin")
    if named != plugin:
        raise ValueError(f"{section}: this peer runs {plugin}, not {named}")
    return options


def llama_server(options: LlamaCppOptions) -> ServerProcess:
    """The server process of our llamacpp plugin, started as the plugin does it."""
    settings = {
        "model": str(model_path(options.model, no_progress)),
        "threads": options.threads or default_threads(),
        "slots": options.slots,
        "context_tokens": options.context_tokens,
        "cache_ram_mib": CACHE_RAM_MIB,
    }
    process = ServerProcess(settings, options.start_timeout_s)
    process.start()
    return process


def warm(engines: Engines) -> None:
    """Have the model read how all conversations begin, so that no first reply has to wait for that."""
    address = engines.llama.address
    with closing(openai.OpenAI(base_url=f"{address.url}/v1", api_key=address.api_key)) as client:
        client.chat.completions.create(
            model="",
            max_tokens=1,
            messages=[
                {"role": "system", "content": engines.instructions},
                {"role": "assistant", "content": engines.greeting},
                {"role": "user", "content": ""},
            ],
        )


async def answer(websocket: WebSocket, engines: Engines) -> None:
    """One conversation."""
    session = session_context(uuid.uuid4().hex, websocket.query_params)
    address, options = engines.llama.address, engines.llama_options
    services = (
        LoadedWhisper(engines.whisper, engines.whisper_name),
        OpenAILLMService(
            base_url=f"{address.url}/v1",
            api_key=address.api_key,
            settings=OpenAILLMService.Settings(
                model=options.model, temperature=options.temperature, max_tokens=options.max_tokens
            ),
        ),
        SentenceTTS(engines.hibari, session),
    )
    await converse(websocket, engines.instructions, services, PIPECAT["stock"], greeting=engines.greeting)


def main() -> None:
    """Serve on 127.0.0.1 until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", type=Path, required=True, help="YAML of an agent on whisper, llamacpp and hibari")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    with loaded(given.agent) as engines:
        app = make_app(lambda websocket: answer(websocket, engines))
        uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
