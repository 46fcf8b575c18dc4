"""What the environment of VoXtream is made of: voxtream 0.2.5 and no more of its requirements than speaking needs."""

from __future__ import annotations

PIP = ("voxtream==0.2.5", "espeakng-loader==0.2.4", "six==1.17.0")
"""six is imported by voxtream and not required by it; espeakng-loader carries the library of eSpeak NG."""

_NEVER = "sys_platform == 'never'"

UNUSED = {
    "voxtream": ("gradio", "gradio-client", "starlette", "jiwer", "openai-whisper", "librosa", "soundfile"),
    "voxtream, by stand-ins": ("g2p-en", "nltk", "transformers"),
    "torchtune, by stand-ins": ("datasets", "pillow"),
    "torchtune": ("blobfile",),
    "moshi": ("bitsandbytes", "sounddevice", "sphn", "aiohttp"),
    "silero-vad": ("onnxruntime",),
}
"""Left out, by who asks for them: the demo, evaluation, training and the command lines of these packages. Those of
`vivavoce_voxtream.stand_ins` are imported all the same, and never called."""

PINNED = (
    "torch==2.13.0",
    "torchaudio==2.11.0",
    "torchtune==0.4.0",
    "torchao==0.9.0",
    "moshi==0.2.13",
    "huggingface-hub==0.36.2",
    "silero-vad==6.2.0",
    "pyloudnorm==0.2.0",
    "numpy==2.2.6",
    "scipy==1.17.1",
    "einops==0.8.2",
    "safetensors==0.7.0",
    "sentencepiece==0.2.3",
    "tiktoken==0.14.0",
    "omegaconf==2.4.0",
    "regex==2026.11.15",
    "setuptools==80.10.2",
    "inflect==7.0.0",
    "pydantic>=2.10,<3",
)
"""voxtream pins torch below 2.9; it runs with 2.13, as the tests show on the CPU. inflect 7.0.0 says the same numbers
as the 7.5.0 that voxtream pins, without typeguard's four seconds at every import. pydantic is that of vivavoce-api."""

OVERRIDES = (*PINNED, *(f"{name} ; {_NEVER}" for names in UNUSED.values() for name in names))
