"""Phones of a text by eSpeak NG within the process: a tenth of a millisecond a word instead of a new process each."""

# pyright: reportMissingImports=false
# (torch, moshi and voxtream are in the environment of the worker)

from __future__ import annotations

import ctypes
import re
import shutil
from pathlib import Path
from typing import Any

from vivavoce_api import PrerequisiteError

LANGUAGE = "en-us"
AUDIO_OUTPUT_SYNCHRONOUS = 0x02
UTF8 = 1
IPA_WITH_UNDERSCORES = 0x02 | ord("_") << 8
"""`espeak_TextToPhonemes`: bit 1 asks for IPA, bits 8 to 23 hold the character between phones (speak_lib.h)."""
_LANGUAGE_SWITCH = re.compile(r"\(.+?\)")


class EspeakLibrary:
    """The library that the wheel espeakng-loader carries. One a process: it keeps its state in C globals."""

    def __init__(self) -> None:
        """Raises `ImportError` or `OSError` where there is none, or it doesn't know English."""
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._phones = self._library.espeak_TextToPhonemes
        self._phones.restype = ctypes.c_char_p
        self._phones.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        data = str(Path(espeakng_loader.get_data_path()))
        if self._library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data.encode(), 0) <= 0:
            raise OSError(f"eSpeak NG does not start with the data in {data}")
        if self._library.espeak_SetVoiceByName(LANGUAGE.encode()) != 0:
            raise OSError(f"eSpeak NG has no voice {LANGUAGE}")

    def phones(self, text: str, separator: str = "|") -> str:
        """The phones in IPA, as `espeak-ng --ipa=1` prints them: `separator` between phones, spaces between words."""
        rest = ctypes.pointer(ctypes.c_char_p(text.replace("\0", " ").encode()))
        clauses = []
        while rest.contents.value is not None:
            if clause := self._phones(rest, UTF8, IPA_WITH_UNDERSCORES):
                clauses.append(_LANGUAGE_SWITCH.sub("", clause.decode().strip()).strip())
        return "".join(clauses).replace("_", separator)


def phonemizer() -> Any:
    """A phonemizer for voxtream: in-process where the library is installed, else its own, which starts `espeak-ng`.

    Raises `PrerequisiteError` where there is neither.
    """
    from voxtream.utils.text.phonemizer import ESpeak

    try:
        library = EspeakLibrary()
    except (ImportError, OSError) as error:
        if shutil.which("espeak-ng") is None and shutil.which("espeak") is None:
            raise PrerequisiteError(
                f"VoXtream needs eSpeak NG, and there is neither the library ({error}) nor the command espeak-ng",
                fix="pip install espeakng-loader",
            ) from error
        return ESpeak()

    class InProcess(ESpeak):
        """VoXtream's phonemizer (it handles the punctuation) with the library behind it."""

        _ESPEAK_LIB = "espeak-ng"

        @classmethod
        def is_available(cls) -> bool:
            return True

        @classmethod
        def supported_languages(cls) -> dict[str, str]:
            return {LANGUAGE: LANGUAGE}

        def phonemize_espeak(
            self, text: str, separator: str = "|", tie: bool = False, language: str | None = None
        ) -> str:
            return library.phones(text, separator)

    return InProcess()
