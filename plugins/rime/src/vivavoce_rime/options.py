"""What the YAML may say about `tts: {plugin: rime}`."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from vivavoce_api import Options

SAMPLE_RATE_HZ = 24_000
SCHEMES = {"websocket": ("ws", "wss"), "http": ("http", "https")}
MAX_URL_CHARS = 512


class RimeOptions(Options):
    """Options of the `rime` plugin."""

    model: Literal["mistv2", "mistv3"] = "mistv2"
    """Which of Rime's models speaks: mistv2, or mistv3, which follows it and is faster."""

    protocol: Literal["websocket", "http"] = "websocket"
    """websocket: one warm connection a conversation, with the times of words; http: one request a clause."""

    voice: str = Field(default="cove", min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    """The voice, Rime's `speaker`. It must be one of the model's and speak the language."""

    language: str = Field(default="eng", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{2})?$")
    """The voice's language, Rime's `lang`: eng, spa, fra or ger. Words are timed in English and Spanish."""

    sample_rate_hz: int = Field(default=SAMPLE_RATE_HZ, ge=8_000, le=44_100)
    """Sample rate of the sound, in Hz."""

    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    """How fast it speaks; 1 is the voice's own pace, 2 is twice as fast."""

    reduce_latency: bool = False
    """mistv2 only: sound earlier, with numbers and abbreviations read less well (Rime's `reduceLatency`)."""

    pause_between_brackets: bool = False
    """Read `<500>` in the text as a pause of 500 ms (Rime's `pauseBetweenBrackets`)."""

    phonemize_between_brackets: bool = False
    """Read text in braces as phonemes (Rime's `phonemizeBetweenBrackets`)."""

    url: str | None = None
    """Another server than Rime's cloud, on your premises or in another region. Default: the model's and protocol's."""

    api_key_env: str = Field(default="RIME_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable with the API key; keys never stand in the YAML."""

    max_sessions: int | None = Field(default=None, ge=1, le=10_000)
    """Conversations at once, where your plan with Rime has a limit. Default: no limit here."""

    connect_timeout_s: float = Field(default=3.0, gt=0, le=60)
    """Seconds to wait for a connection."""

    first_chunk_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Seconds to wait for the first sound of a clause."""

    chunk_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Seconds to wait between two pieces of a clause's sound."""

    @field_validator("url")
    @classmethod
    def _url_is_sound(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) > MAX_URL_CHARS or not value.isascii() or any(c.isspace() for c in value):
            raise ValueError(f"must be a URL of at most {MAX_URL_CHARS} plain characters")
        parts = urlsplit(value)
        if not parts.hostname or "@" in parts.netloc or "?" in value or "#" in value:
            raise ValueError("must be a scheme, a host and a path, without user name, '?' or '#'")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> RimeOptions:
        schemes = SCHEMES[self.protocol]
        if self.url is not None and urlsplit(self.url).scheme not in schemes:
            raise ValueError(
                f"with protocol: {self.protocol}, url must begin with {' or '.join(f'{s}://' for s in schemes)}"
            )
        if self.reduce_latency and self.model != "mistv2":
            raise ValueError("reduce_latency is for model: mistv2 only")
        return self
