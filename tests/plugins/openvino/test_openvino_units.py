"""The openvino plugin without its model: options, conversion, what is drawn."""

import tomllib
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize, quantize
from pydantic import ValidationError
from vivavoce_openvino.chat import next_token
from vivavoce_openvino.conversion import converted, rewrite
from vivavoce_openvino.engine import OpenVinoEngine
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.weights import DEFAULT_MODEL, ENDING_ODDS, QWEN_CODER_0_5B, gguf_path

from vivavoce_api import ConfigurationError, PrerequisiteError, no_progress

Q5_0, Q5_1, Q4_0, Q8_0 = (gguf.GGMLQuantizationType[name] for name in ("Q5_0", "Q5_1", "Q4_0", "Q8_0"))


def written(path: Path, tensors: dict[str, tuple[Any, gguf.GGMLQuantizationType]]) -> Path:
    """A GGUF file with these tensors."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.add_uint32("qwen2.block_count", 1)
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("model", ["qwen3", "model.bin", ""])
def test_model_is_a_known_name_or_a_gguf(model: str) -> None:
    with pytest.raises(ValidationError, match=r"qwen2\.5-coder-0\.5b"):
        OpenVinoOptions(model=model)


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        gguf_path(str(tmp_path / "none.gguf"), no_progress)
    (tmp_path / "page.gguf").write_text("<html>")
    with pytest.raises(ConfigurationError, match="not a GGUF"):
        gguf_path(str(tmp_path / "page.gguf"), no_progress)


def test_extra_brings_exactly_the_weights() -> None:
    pyproject = Path(__file__).parents[3] / "plugins/openvino/pyproject.toml"
    extra = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]["weights"]
    named = {requirement.split("==")[0] for requirement in extra}
    assert named == {part.distribution for file in QWEN_CODER_0_5B.files for part in file.parts}


def test_formats_that_can_not_be_read_are_rewritten_and_the_others_kept(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)
    kinds = {"five": Q5_0, "five and offset": Q5_1, "four": Q4_0}
    source = written(tmp_path / "a.gguf", {name: (quantize(values, kind), kind) for name, kind in kinds.items()})
    rewrite(source, tmp_path / "b.gguf")
    before, after = (gguf.GGUFReader(path) for path in (source, tmp_path / "b.gguf"))
    assert [tensor.tensor_type for tensor in after.tensors] == [Q8_0, Q8_0, Q4_0]
    read = [[dequantize(tensor.data, tensor.tensor_type) for tensor in file.tensors] for file in (before, after)]
    assert np.array_equal(read[0][0], read[1][0]), "5 bits fit into 8"
    assert np.allclose(read[0][1], read[1][1], atol=0.02)
    assert np.array_equal(read[0][2], read[1][2])
    for field in ("tokenizer.ggml.tokens", "qwen2.block_count", "general.architecture"):
        assert after.fields[field].contents() == before.fields[field].contents()


@pytest.mark.slow
def test_file_that_can_not_be_converted_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVAVOCE_CACHE", str(tmp_path / "cache"))
    empty = written(tmp_path / "empty.gguf", {"one": (np.zeros((1, 32), np.float32), gguf.GGMLQuantizationType.F32)})
    with pytest.raises(PrerequisiteError, match=r"empty\.gguf could not be converted for OpenVINO: .*Error") as caught:
        converted(empty, no_progress)
    assert "llamacpp" in (caught.value.fix or "")
    assert list((tmp_path / "cache" / "openvino").iterdir()) == [], "nothing unfinished is left behind"


def test_damaged_conversion_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "openvino_model.xml").write_text("damaged")
    with pytest.raises(PrerequisiteError, match="can't be loaded") as caught:
        OpenVinoEngine(OpenVinoOptions(), tmp_path)
    assert caught.value.fix == f"rm -r '{tmp_path}', and it is converted anew"


def test_unlikely_tokens_are_never_drawn() -> None:
    random = np.random.default_rng(1)
    logits = np.log(np.array([0.6, 0.37, 0.02, 0.01]))
    assert {next_token(logits, 1.0, random) for _ in range(500)} == {0, 1}
    assert {next_token(logits, 0.0, random) for _ in range(20)} == {0}
    assert {next_token(logits, 0.1, random) for _ in range(100)} == {0}, "0.37 ^ 10 is next to nothing"


def test_endings_are_on_the_scale_that_was_fitted_for_the_same_weights() -> None:
    llamacpp = pytest.importorskip("vivavoce_llamacpp.models", reason="pip install vivavoce-llamacpp")
    assert {DEFAULT_MODEL: llamacpp.ending_odds(DEFAULT_MODEL, "user")} == ENDING_ODDS
