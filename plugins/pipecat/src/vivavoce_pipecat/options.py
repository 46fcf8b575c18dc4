"""What the YAML says about this plugin's offers. Light to import."""

from __future__ import annotations

from pydantic import Field

from vivavoce_api import Options


class SileroOptions(Options):
    """Options of `vad: {plugin: silero}`: none."""


class SmartTurnOptions(Options):
    """Options of `turn_detector: {plugin: smart-turn}`."""

    threads: int = Field(default=1, ge=1, le=8)
    """Threads of one pass. More answer sooner on an idle machine and cost more on a busy one."""
