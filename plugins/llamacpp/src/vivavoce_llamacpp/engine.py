"""The loaded model: a server process and the connections to it, shared by all sessions."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx2
import openai

from vivavoce_api import SessionContext
from vivavoce_llamacpp.options import LlamaCppOptions
from vivavoce_llamacpp.server_process import Address, ServerProcess
from vivavoce_llamacpp.session import LlamaCppSession

CONNECT_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 256
CACHE_RAM_MIB = 256
"""Memory for prompts of conversations beyond the slots; llama.cpp's own default is 8 GiB."""


class LlamaCppEngine:
    """The embedded language model. Implements `LanguageModelEngine`."""

    def __init__(self, options: LlamaCppOptions, process: ServerProcess) -> None:
        self._options = options
        self._process = process
        self._free_slots = list(reversed(range(options.slots)))
        self._known: tuple[Address, openai.AsyncOpenAI] | None = None
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S, pool=CONNECT_TIMEOUT_S),
            # The server closes idle connections whenever it likes; on this machine a new one costs next to nothing.
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=0),
            trust_env=False,  # a proxy has no business between us and this very machine
        )

    @classmethod
    def start(cls, options: LlamaCppOptions, model: Path) -> LlamaCppEngine:
        """Start the server process with this GGUF file; blocks until it is warm. Raises `EngineError`."""
        settings = {
            "model": str(model),
            "threads": options.threads or default_threads(),
            "slots": options.slots,
            "context_tokens": options.context_tokens,
            "cache_ram_mib": CACHE_RAM_MIB,
        }
        process = ServerProcess(settings, options.start_timeout_s)
        process.start()
        return cls(options, process)

    @property
    def max_sessions(self) -> int | None:
        """No limit: sessions beyond the slots take turns."""
        return None

    @property
    def server_pid(self) -> int | None:
        """The server's process id, while it runs."""
        return self._process.pid

    async def open_session(self, context: SessionContext) -> LlamaCppSession:
        """A session, with a slot of its own as long as there is a free one."""
        slot = self._free_slots.pop() if self._free_slots else None
        return LlamaCppSession(self._client, self._options, slot, self._free_slots.append)

    async def close(self) -> None:
        """End the server process and the connections to it. Idempotent."""
        await self._http.aclose()
        await asyncio.to_thread(self._process.stop)

    def _client(self) -> openai.AsyncOpenAI:
        address = self._process.address
        if self._known is None or self._known[0] != address:
            client = openai.AsyncOpenAI(
                base_url=f"{address.url}/v1", api_key=address.api_key, http_client=self._http, max_retries=0
            )
            client.organization = client.project = None  # read from the environment, for openai.com alone
            self._known = address, client
        return self._known[1]


def default_threads() -> int:
    """All cores up to 4, half of them beyond: there, the rest are mostly second threads of the same cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores <= 4 else max(4, cores // 2)
