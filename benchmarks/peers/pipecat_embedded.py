"""Pipecat behind vivavoce's wire with real engines: `python -m benchmarks.peers.pipecat_embedded --agent YAML ...`.

Runs in vivavoce's own environment, which holds Pipecat and the embedded engines.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
import yaml
from fastapi import WebSocket
from faster_whisper import WhisperModel
from loguru import logger
from pipecat.services.whisper.stt import WhisperSTTService

from benchmarks.peers.options import PIPECAT, WHISPER_COMPUTE_TYPE
from benchmarks.peers.pipecat_server import converse, make_app
from benchmarks.peers.pipecat_services import EngineLLM, SentenceTTS
from benchmarks.peers.stages import INPUT_HZ, session_context
from vivavoce_api import Message, no_progress
from vivavoce_hibari.engine import Hibari
from vivavoce_hibari.plugin import HibariOptions
from vivavoce_hibari.plugin import load as load_hibari
from vivavoce_openvino.engine import OpenVinoEngine
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.plugin import load as load_openvino
from vivavoce_whisper.options import WhisperOptions
from vivavoce_whisper.weights import model_folder


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of the quickstart agent, loaded and warm, and what it is told to say."""

    instructions: str
    greeting: str
    whisper: WhisperModel
    whisper_name: str
    language_model: OpenVinoEngine
    language_model_name: str
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

    Raises `ValueError` where it names others than whisper, openvino and hibari, and what these raise.
    """
    document = yaml.safe_load(agent.read_text(encoding="utf-8"))
    hearing = WhisperOptions.model_validate(options_of(document, "stt", "whisper"))
    thinking = OpenVinoOptions.model_validate(options_of(document, "llm", "openvino"))
    speaking = HibariOptions.model_validate(options_of(document, "tts", "hibari"))
    whisper = WhisperModel(str(model_folder(hearing.model, no_progress)), compute_type=WHISPER_COMPUTE_TYPE)
    list(whisper.transcribe(np.zeros(INPUT_HZ, np.float32), language="en")[0])
    hibari = load_hibari(speaking, no_progress)
    language_model = load_openvino(thinking, no_progress)
    try:
        instructions, greeting = document["instructions"], document.get("greeting", "")
        yield Engines(instructions, greeting, whisper, hearing.model, language_model, thinking.model, hibari)
    finally:
        asyncio.run(language_model.close())


def options_of(document: Mapping[str, Any], section: str, plugin: str) -> dict[str, Any]:
    """A section's options. Raises `ValueError` where it names another plugin."""
    options = dict(document[section])
    named = options.pop("plugin")
    if named != plugin:
        raise ValueError(f"{section}: this peer runs {plugin}, not {named}")
    return options


async def answer(websocket: WebSocket, engines: Engines) -> None:
    """One conversation."""
    session = session_context(uuid.uuid4().hex, websocket.query_params)
    opening = [Message("system", engines.instructions), Message("assistant", engines.greeting)]
    services = (
        LoadedWhisper(engines.whisper, engines.whisper_name),
        EngineLLM(engines.language_model, engines.language_model_name, session, opening),
        SentenceTTS(engines.hibari, session),
    )
    await converse(websocket, engines.instructions, services, PIPECAT["stock"], greeting=engines.greeting)


def main() -> None:
    """Serve on 127.0.0.1 until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", type=Path, required=True, help="YAML of an agent on whisper, openvino and hibari")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    with loaded(given.agent) as engines:
        app = make_app(lambda websocket: answer(websocket, engines))
        uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
