"""Is the model server ready, does it take the key, and has it the model?"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx2

from vivavoce_api import ConfigurationError, EngineError, EngineTimeoutError
from vivavoce_vllm.servers import ServerUrl

LOOK_EVERY_S = 1.0
REQUEST_TIMEOUT_S = 10.0
MAX_NAMED = 10


async def wait_for_server(url: str | None, model: str | None, key_variable: str, within_s: float) -> str:
    """Wait until the server at `url` is healthy, then check the key and the model's name; returns that name.

    Raises `EngineTimeoutError` after `within_s` seconds, `EngineError` for a refused key or a model that it has not.
    """
    if url is None:
        raise ConfigurationError("no model server is named", fix="set llm.base_url or VLLM_URL")
    server = ServerUrl.parse(url)
    api_key = os.environ.get(key_variable, "").strip()
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    async with httpx2.AsyncClient(timeout=REQUEST_TIMEOUT_S, follow_redirects=False) as http:
        try:
            async with asyncio.timeout(within_s):
                # vLLM and llama.cpp tell it there, outside of /v1 and without a key; others have no such path.
                while not await _healthy(http, f"{server.scheme}://{server.netloc}/health"):  # noqa: ASYNC110 - asked
                    await asyncio.sleep(LOOK_EVERY_S)
                models = await http.get(f"{server}/models", headers=headers)
        except TimeoutError:
            raise EngineTimeoutError(f"The model server {server} is not ready after {within_s:g} s.") from None
        except httpx2.HTTPError as error:
            raise EngineError(f"The model server {server} broke off the connection.", retryable=True) from error
    return checked_model(server, models.status_code, _json(models), model, key_variable)


async def _healthy(http: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code in (200, 404)
    except httpx2.HTTPError:
        return False


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def checked_model(server: ServerUrl, status: int, listing: Any, model: str | None, key_variable: str) -> str:
    """The name of the model that will answer, from what `/v1/models` said. Raises `EngineError`."""
    if status in (401, 403):
        raise EngineError(f"The model server {server} refuses the API key.", fix=f"export {key_variable}=...")
    names = listed_models(listing)
    if status != 200 or not names:
        raise EngineError(f"The model server {server} lists no models ({status}); is it one?")
    if model is not None and model not in names:
        raise EngineError(unknown_model(server, model, names), fix=f"set llm.model to {names[0]}")
    return model or names[0]


def listed_models(listing: Any) -> list[str]:
    """The names in an answer of `/v1/models`; none where it is something else."""
    entries = listing.get("data") if isinstance(listing, dict) else None
    found = entries if isinstance(entries, list) else []
    return [one["id"] for one in found if isinstance(one, dict) and isinstance(one.get("id"), str)]


def unknown_model(server: ServerUrl, model: str, names: list[str]) -> str:
    """Words for a model that the server has not."""
    named = ", ".join(f"'{name[:100]}'" for name in names[:MAX_NAMED])
    return f"The model server {server} has no model '{model}'; it has {named or 'none'}."
