"""What an agent's YAML file may say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, PrivateAttr, WithJsonSchema, model_validator

from vivavoce.definition.choice import Choice
from vivavoce_api import Kind

DEFAULT_SECTIONS: dict[str, Any] = {
    "vad": {"plugin": "silero"},
    "turn_detector": {"plugin": "smart-turn"},
    "transport": {"plugin": "websocket"},
}
"""What the sections say that a file leaves out."""

BACKCHANNELS = ("mhm", "mm-hmm", "mm", "hmm", "uh-huh", "aha", "ah", "oh", "yeah", "yep", "yes", "right", "okay", "ok")

PluginChoice = Annotated[InstanceOf[Choice], WithJsonSchema({"type": "object"})]
"""A section `{plugin: NAME, **options}`; the schema of each is put in by `vivavoce.definition.schema`."""

Backchannel = Annotated[str, Field(min_length=1, max_length=40)]


class Section(BaseModel):
    """Keys and values without a plugin. Unknown keys are errors; what was read does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Turn(Section):
    """When the agent takes the floor, and when it gives it up."""

    style: Literal["eager", "balanced", "patient"] = "balanced"
    """How soon the agent takes a pause for the end of the turn: eager answers soonest, patient lets people think."""

    speculate_after_ms: int | None = Field(default=None, ge=0, le=2_000)
    """Silence, in milliseconds, after which the reply is prepared, unheard, in case the user has finished. Default: the
    style's, 24 to 64."""

    min_silence_ms: int | None = Field(default=None, ge=0, le=10_000)
    """Silence, in milliseconds, before even the surest turn ends. Default: the style's."""

    max_silence_ms: int | None = Field(default=None, ge=50, le=10_000)
    """Silence, in milliseconds, after which even the most doubtful turn ends. Default: the style's."""

    barge_in: bool = True
    """Whether the user can interrupt the agent by speaking."""

    barge_in_ms: int = Field(default=200, ge=0, le=5_000)
    """Voice, in milliseconds, that interrupts the agent."""

    backchannels: list[Backchannel] = Field(default=list(BACKCHANNELS), max_length=200)
    """What a listener says without wanting the floor; alone, these words do not interrupt the agent."""

    max_speculations: int = Field(default=32, ge=0, le=100)
    """Replies that may be prepared and thrown away in one turn; 0 waits for the end of the turn."""

    voice_threshold: float = Field(default=0.5, gt=0, lt=1)
    """Probability of speech, by voice activity detection, above which a window of sound counts as voice."""

    @model_validator(mode="after")
    def _silences_in_order(self) -> Turn:
        low, high = self.min_silence_ms, self.max_silence_ms
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_silence_ms ({low}) must not be above max_silence_ms ({high})")
        return self


class Limits(Section):
    """What one server and one conversation may use."""

    max_sessions: int = Field(default=8, ge=1, le=10_000)
    """Conversations at once; further clients are turned away with a message."""

    max_session_s: int = Field(default=3_600, ge=1, le=86_400)
    """Length of one conversation, in seconds."""

    max_turn_s: int = Field(default=60, ge=1, le=600)
    """Length of one utterance of the user, in seconds; then the agent answers what it has."""

    max_reply_s: int = Field(default=120, ge=1, le=3_600)
    """Length of one reply, in seconds of sound; the rest is left out."""

    max_history_messages: int = Field(default=40, ge=2, le=1_000)
    """Messages of the conversation that the language model sees, beside the instructions; older ones are dropped."""

    idle_timeout_s: int = Field(default=600, ge=1, le=86_400)
    """Silence of both, in seconds, that ends the conversation."""


class AgentDefinition(Section):
    """A voice agent: who it is, and the plugins that hear, think and speak for it."""

    name: str = Field(min_length=1, max_length=100)
    """What the agent is called, on its page and in `/status`."""

    instructions: str = Field(min_length=1, max_length=100_000)
    """What the language model is told before the conversation. Ask for short, spoken sentences."""

    greeting: str | None = Field(default=None, min_length=1, max_length=2_000)
    """What the agent says first; without one it waits for the user."""

    stt: PluginChoice
    """Speech-to-text: the plugin that hears, or a list of which each takes over where those before it fail."""

    llm: PluginChoice
    """Language model: the plugin that thinks, or a list of which each takes over where those before it fail."""

    tts: PluginChoice
    """Text-to-speech: the plugin that speaks, or a list of which each takes over where those before it fail."""

    vad: PluginChoice
    """Voice activity detection: is that speech? Default: `{plugin: silero}`."""

    turn_detector: PluginChoice | None
    """Has the speaker finished, judged from the sound? Default: `{plugin: smart-turn}`; `null` switches it off."""

    completeness: PluginChoice | Literal["llm"] | None = "llm"
    """The language model that judges from the words whether the user has finished: `llm` (the default: the agent's own,
    where it can), another one as a section like `llm`'s, or `null` for none."""

    tools: list[PluginChoice] = Field(default=[], max_length=100)
    """Functions that the language model may call."""

    transport: PluginChoice
    """How clients reach the agent. Default: `{plugin: websocket}`."""

    turn: Turn = Turn()
    """Turn taking."""

    limits: Limits = Limits()
    """Limits of one server and of one conversation."""

    _path: Path = PrivateAttr(default=Path())

    @property
    def path(self) -> Path:
        """The file that it was read from."""
        return self._path

    def choices(self) -> list[Choice]:
        """All plugins that the agent uses, fallbacks among them, in the order of the file's sections."""
        chosen = (self.stt, self.llm, self.tts, self.vad, self.turn_detector, self.completeness)
        sections = [choice for choice in (*chosen, *self.tools, self.transport) if isinstance(choice, Choice)]
        return [choice for section in sections for choice in section.listed]


SECTION_KINDS: dict[str, Kind] = {"completeness": Kind.LANGUAGE_MODEL} | {
    kind.value: kind
    for kind in (
        Kind.SPEECH_TO_TEXT,
        Kind.LANGUAGE_MODEL,
        Kind.TEXT_TO_SPEECH,
        Kind.VOICE_ACTIVITY,
        Kind.TURN_DETECTOR,
        Kind.TRANSPORT,
    )
}
"""The sections that name one plugin each."""

LISTS = ("stt", "llm", "tts")
"""Those that may list several, of which each takes over where those before it fail."""

SWITCHES: dict[str, tuple[str | None, ...]] = {"turn_detector": (None,), "completeness": (None, "llm")}
"""What some of them may say instead of naming a plugin."""
