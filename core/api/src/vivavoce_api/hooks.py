"""The hooks: one for each kind of plugin.

A plugin is an installed distribution with an entry point of the group `vivavoce`; the entry point names a
module or object with one or more of these functions, each marked `@hookimpl`. They are called once, at
start-up, and return offers; nothing is called per conversation, per turn or per chunk.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from vivavoce_api.offers import Offer

ENTRY_POINT_GROUP = "vivavoce"

hookspec = pluggy.HookspecMarker(ENTRY_POINT_GROUP)
hookimpl = pluggy.HookimplMarker(ENTRY_POINT_GROUP)


@hookspec
def vivavoce_speech_to_text() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `SpeechToTextEngine`."""


@hookspec
def vivavoce_language_model() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `LanguageModelEngine`."""


@hookspec
def vivavoce_text_to_speech() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `TextToSpeechEngine`."""


@hookspec
def vivavoce_voice_activity() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `VoiceActivityEngine`."""


@hookspec
def vivavoce_turn_detector() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `TurnDetectorEngine`."""


@hookspec
def vivavoce_transport() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `Transport`."""


@hookspec
def vivavoce_tool() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `Tool`."""


@hookspec
def vivavoce_deployment_target() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Offers that load a `DeploymentTarget`."""
