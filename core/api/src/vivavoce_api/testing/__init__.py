"""The conformance kit: what a plugin author's tests inherit, and what makes tests of timed code fast.

    class TestMyVoice(TextToSpeechConformance):
        plugin = "my-voice"
        options = {"speed": 1.2}

Needs pytest (`pip install vivavoce-api[testing]`) and Python 3.11; `import vivavoce_api` alone needs neither.
"""

import pytest

pytest.register_assert_rewrite(
    "vivavoce_api.testing.cancellation",
    "vivavoce_api.testing.engine",
    "vivavoce_api.testing.language_model",
    "vivavoce_api.testing.speech_to_text",
    "vivavoce_api.testing.text_to_speech",
    "vivavoce_api.testing.turns",
)

from vivavoce_api.testing.engine import HERE, IN_ENVIRONMENT, IN_WORKER, EngineConformance, LoadedEngine  # noqa: E402 - after the rewrite is set up
from vivavoce_api.testing.language_model import LanguageModelConformance  # noqa: E402
from vivavoce_api.testing.sound import peak, read_wav, speech_clip  # noqa: E402
from vivavoce_api.testing.speech_to_text import SpeechToTextConformance  # noqa: E402
from vivavoce_api.testing.text_to_speech import TextToSpeechConformance  # noqa: E402
from vivavoce_api.testing.turns import TurnDetectorConformance, VoiceActivityConformance  # noqa: E402
from vivavoce_api.virtual_time import VirtualTimeLoop, virtual_time_loop  # noqa: E402
from vivavoce_api.word_errors import word_error_rate  # noqa: E402

__all__ = [
    "HERE",
    "IN_ENVIRONMENT",
    "IN_WORKER",
    "EngineConformance",
    "LanguageModelConformance",
    "LoadedEngine",
    "SpeechToTextConformance",
    "TextToSpeechConformance",
    "TurnDetectorConformance",
    "VirtualTimeLoop",
    "VoiceActivityConformance",
    "peak",
    "read_wav",
    "speech_clip",
    "virtual_time_loop",
    "word_error_rate",
]
