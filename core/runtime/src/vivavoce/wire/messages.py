"""The messages of `/ws`, both ways, as bytes and text. No I/O, no state.

Always (a client that knows only these works):

- client -> server, binary: Opus audio, one raw packet a message, or any cut of an Ogg Opus stream;
- server -> client, binary: `0x01`, uint32 big-endian sample rate, PCM16 little-endian: sound of the reply;
- server -> client, binary: `0x02`, UTF-8: the final transcript of what the user said;
- server -> client, binary: `0x03`, UTF-8: an error, in words for the user.

A client that connects to `/ws?events=1` also gets JSON *text* messages, in order with the sound:

- `{"type": "user_speech", "speaking": true|false}`
- `{"type": "transcript", "text": "...", "final": false}`: a partial; later ones and the final one replace it
- `{"type": "reply_started", "reply": 3}`: the sound that follows belongs to reply 3
- `{"type": "reply_text", "reply": 3, "text": "..."}`: what the next sound says; pieces join with single spaces
- `{"type": "reply_ended", "reply": 3, "interrupted": true|false, "heard": "..."}`: when interrupted, drop what
  is not yet played
- `{"type": "latency", "reply": 3, "voice_to_voice_ms": 187.5, "stages_ms": {"...": 31.0}}`

Any client may send text `{"type": "playback", "reply": 3, "played_ms": 840}` while it plays a reply: the agent
then knows exactly what was heard when it is interrupted.
"""

from __future__ import annotations

import json
import struct
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ClientError
from vivavoce_api.transport import (
    ErrorNotice,
    Event,
    Outgoing,
    PlaybackReport,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    TurnLatency,
    UserSpeech,
    UserTranscript,
)

AUDIO, TRANSCRIPT, ERROR = 0x01, 0x02, 0x03
AUDIO_HEADER = struct.Struct(">BI")
MAX_TEXT_MESSAGE_CHARACTERS = 4_096
LARGEST_REPLY_ID = 2**53 - 1
"""The largest integer that JSON carries exactly to JavaScript."""


class _Playback(BaseModel, strict=True):
    type: Literal["playback"]
    reply: Annotated[int, Field(ge=0, le=LARGEST_REPLY_ID)]
    played_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]


def encode(item: Outgoing) -> bytes | str:
    """The message for `item`: bytes where every client gets it, text where only those that asked for events do."""
    match item:
        case ReplyAudio(_, audio):
            return AUDIO_HEADER.pack(AUDIO, audio.sample_rate_hz) + audio.pcm
        case UserTranscript(text, True):
            return bytes([TRANSCRIPT]) + text.encode(errors="replace")
        case ErrorNotice(message):
            return bytes([ERROR]) + message.encode(errors="replace")
        case _:
            return json.dumps(_event_fields(item), ensure_ascii=False)


def reply_started(reply_id: int) -> str:
    """The text message that says to which reply the sound after it belongs."""
    return json.dumps({"type": "reply_started", "reply": reply_id})


def _event_fields(event: Event) -> dict[str, object]:
    match event:
        case UserSpeech(speaking):
            return {"type": "user_speech", "speaking": speaking}
        case UserTranscript(text, final):
            return {"type": "transcript", "text": text, "final": final}
        case ReplyText(reply_id, text):
            return {"type": "reply_text", "reply": reply_id, "text": text}
        case ReplyEnded(reply_id, interrupted, heard):
            return {"type": "reply_ended", "reply": reply_id, "interrupted": interrupted, "heard": heard}
        case TurnLatency(reply_id, voice_to_voice_ms, stages_ms):
            latency = {"reply": reply_id, "voice_to_voice_ms": voice_to_voice_ms, "stages_ms": dict(stages_ms)}
            return {"type": "latency", **latency}
        case ErrorNotice():
            raise AssertionError("errors travel as binary messages")


def encode_report(report: PlaybackReport) -> str:
    """The client's text message for `report`."""
    return json.dumps({"type": "playback", "reply": report.reply_id, "played_ms": report.played_ms})


def decode_client_text(text: str) -> PlaybackReport:
    """What a client's text message says. Raises `ClientError` for all that the protocol doesn't know."""
    if len(text) > MAX_TEXT_MESSAGE_CHARACTERS:
        raise ClientError(f"a text message has at most {MAX_TEXT_MESSAGE_CHARACTERS} characters")
    try:
        fields = _Playback.model_validate_json(text)
    except ValidationError:
        raise ClientError(
            "text message not understood: send audio as binary messages (Opus packets or Ogg Opus); "
            'the only text message is {"type": "playback", "reply": N, "played_ms": X}, neither number negative'
        ) from None
    return PlaybackReport(fields.reply, fields.played_ms)


def decode_server_binary(message: bytes, reply_id: int) -> ReplyAudio | UserTranscript | ErrorNotice:
    """What a server's binary message says; sound is credited to `reply_id`. Raises `ClientError` if malformed."""
    kind, rest = message[:1], message[1:]
    if kind == bytes([TRANSCRIPT]):
        return UserTranscript(rest.decode(errors="replace"), final=True)
    if kind == bytes([ERROR]):
        return ErrorNotice(rest.decode(errors="replace"))
    if kind != bytes([AUDIO]) or len(message) < AUDIO_HEADER.size:
        raise ClientError(f"the server sent a binary message of unknown type ({message[:5].hex() or 'empty'})")
    _, sample_rate_hz = AUDIO_HEADER.unpack_from(message)
    try:
        return ReplyAudio(reply_id, AudioChunk(message[AUDIO_HEADER.size :], sample_rate_hz))
    except ValueError as error:
        raise ClientError(f"the server sent sound that can't be played: {error}") from error


def decode_server_event(text: str) -> Event | int:
    """What a server's text message says; an integer is the id of the reply that starts. Raises `ClientError`."""
    try:
        fields = json.loads(text)
        match fields["type"]:
            case "user_speech":
                return UserSpeech(bool(fields["speaking"]))
            case "transcript":
                return UserTranscript(str(fields["text"]), final=bool(fields["final"]))
            case "reply_started":
                return int(fields["reply"])
            case "reply_text":
                return ReplyText(int(fields["reply"]), str(fields["text"]))
            case "reply_ended":
                return ReplyEnded(int(fields["reply"]), bool(fields["interrupted"]), str(fields["heard"]))
            case "latency":
                stages_ms = {str(name): float(value) for name, value in fields["stages_ms"].items()}
                return TurnLatency(int(fields["reply"]), float(fields["voice_to_voice_ms"]), stages_ms)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClientError(f"the server sent an event that can't be read: {text[:200]}") from error
    raise ClientError(f"the server sent an event of unknown type: {text[:200]}")
