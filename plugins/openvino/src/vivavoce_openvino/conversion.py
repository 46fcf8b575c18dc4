"""From a GGUF file to OpenVINO's form, once; as a program, so that its memory (some 2 GB) goes when it is done.

OpenVINO GenAI reads GGUF, but not all of its number formats: weights in another one are rewritten in 8 bits first. From
Q5_0, most of what Qwen's 4-bit files of 0.5 B hold, that loses nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np

from vivavoce_api import PrerequisiteError, Progress
from vivavoce_api.weights import cache_folder

MODEL, TOKENIZER = "openvino_model.xml", "openvino_tokenizer.xml"
READABLE = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K")
"""What OpenVINO GenAI 2026.4 reads."""
SHOWN_CHARS = 600


def converted(gguf: Path, progress: Progress) -> Path:
    """The folder with the converted model, which is made where it is missing. Blocks, for up to a minute or so.

    It is kept in the cache by the file's path, size and time, and the converter's version. Raises `PrerequisiteError`.
    """
    folder = cache_folder() / "openvino" / _key(gguf)
    if (folder / MODEL).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    needed, free = 4 * gguf.stat().st_size, shutil.disk_usage(folder.parent).free
    if free < needed:
        raise PrerequisiteError(
            f"converting {gguf.name} needs {needed >> 20} MiB in {folder.parent}, {free >> 20} MiB are free",
            fix="export VIVAVOCE_CACHE=/a/larger/folder",
        )
    progress(f"converting {gguf.name} for OpenVINO, once; about a minute")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unfinished-") as unfinished:
        result = subprocess.run(
            [sys.executable, "-m", __name__, str(gguf), unfinished], capture_output=True, text=True, check=False
        )
        if result.returncode != 0 or not (Path(unfinished) / MODEL).is_file():
            raise PrerequisiteError(
                f"{gguf.name} could not be converted for OpenVINO: {_last_words(result)}",
                fix="llm: {plugin: llamacpp} reads every GGUF file",
            )
        if not folder.exists():  # another process may have been faster
            Path(unfinished).rename(folder)
    return folder


def _key(gguf: Path) -> str:
    stat = gguf.stat()
    version = metadata.version("openvino-genai")
    return hashlib.sha256(f"{gguf} {stat.st_size} {stat.st_mtime_ns} {version}".encode()).hexdigest()[:16]


def _last_words(result: subprocess.CompletedProcess[str]) -> str:
    said = (result.stderr.strip() or result.stdout.strip() or f"exit status {result.returncode}")[-SHOWN_CHARS:]
    return " ".join(said.split())


def convert(source: Path, folder: Path) -> None:
    """Write the model and its tokenizer into `folder`, as OpenVINO reads them."""
    import openvino_genai

    readable = folder / "model.gguf"
    rewrite(source, readable)
    openvino_genai.LLMPipeline(str(readable), "CPU", enable_save_ov_model=True)
    readable.unlink()


def rewrite(source: Path, target: Path) -> None:
    """Copy a GGUF file; tensors whose format is not among `READABLE` become Q8_0."""
    import gguf
    from gguf.quants import dequantize, quantize

    q8_0 = gguf.GGMLQuantizationType.Q8_0
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue  # the writer's own
        is_array = field.types[0] == gguf.GGUFValueType.ARRAY
        writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if is_array else None)
    for tensor in reader.tensors:
        kind, data = tensor.tensor_type, tensor.data
        if kind.name not in READABLE:
            data = widened(data) if kind.name == "Q5_0" else quantize(dequantize(data, kind), q8_0)
            kind = q8_0
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def widened(blocks: np.ndarray) -> np.ndarray:
    """Q5_0 as Q8_0, the same values: [rows, bytes] uint8 each.

    A block of 32 weights is, in Q5_0, a scale (2 bytes), their fifth bits (4) and their low four bits (16, those of the
    first 16 weights below those of the others), all less 16; in Q8_0 a scale and 32 signed bytes (ggml-common.h).
    """
    q5 = np.ascontiguousarray(blocks).reshape(-1, 22)
    fifth = np.unpackbits(q5[:, 2:6], axis=1, bitorder="little")
    low = np.concatenate([q5[:, 6:] & 15, q5[:, 6:] >> 4], axis=1)
    values = (low | fifth << 4).astype(np.int8) - np.int8(16)
    return np.concatenate([q5[:, :2], values.view(np.uint8)], axis=1).reshape(len(blocks), -1)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
