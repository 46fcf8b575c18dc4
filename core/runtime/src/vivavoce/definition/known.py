"""Plugins that exist, installed or not: which pip package brings which name."""

from __future__ import annotations

from vivavoce_api import Kind

KNOWN_PLUGINS: dict[Kind, dict[str, str]] = {
    Kind.SPEECH_TO_TEXT: {
        "pipecat": "vivavoce-pipecat",
        "simulated": "vivavoce-simulated",
        "whisper": "vivavoce-whisper",
    },
    Kind.LANGUAGE_MODEL: {
        "llamacpp": "vivavoce-llamacpp",
        "openvino": "vivavoce-openvino",
        "pipecat": "vivavoce-pipecat",
        "simulated": "vivavoce-simulated",
        "vllm": "vivavoce-vllm",
    },
    Kind.TEXT_TO_SPEECH: {
        "hibari": "vivavoce-hibari",
        "pipecat": "vivavoce-pipecat",
        "rime": "vivavoce-rime",
        "simulated": "vivavoce-simulated",
        "voxtream": "vivavoce-voxtream",
    },
    Kind.VOICE_ACTIVITY: {"silero": "vivavoce-pipecat"},
    Kind.TURN_DETECTOR: {"prosody": "vivavoce-prosody", "smart-turn": "vivavoce-pipecat"},
    Kind.TRANSPORT: {"pipecat": "vivavoce-pipecat", "websocket": "vivavoce"},
    Kind.DEPLOYMENT_TARGET: {"modal": "vivavoce-modal"},
}

NAMES_OF_KINDS: dict[Kind, str] = {
    Kind.SPEECH_TO_TEXT: "speech-to-text",
    Kind.LANGUAGE_MODEL: "language model",
    Kind.TEXT_TO_SPEECH: "text-to-speech",
    Kind.VOICE_ACTIVITY: "voice activity",
    Kind.TURN_DETECTOR: "turn detector",
    Kind.TRANSPORT: "transport",
    Kind.TOOL: "tool",
    Kind.DEPLOYMENT_TARGET: "deployment target",
}
