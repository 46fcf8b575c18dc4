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
from vivavoce_openvino.ending import EndingHead, head_of
from vivavoce_openvino.engine import OpenVinoEngine
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.weights import BY_NAME, DEFAULT_MODEL, ENDING_ODDS, gguf_path

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
    extras = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]
    for weights, extra in zip(BY_NAME.values(), ("weights", "weights-1-5b"), strict=True):
        named = {requirement.split("==")[0] for requirement in extras[extra]}
        assert named == {part.distribution for file in weights.files for part in file.parts}


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


@pytest.mark.parametrize(("model", "size"), [(DEFAULT_MODEL, 896), ("qwen2.5-coder-1.5b", 1536)])
def test_each_model_by_name_has_a_head_of_its_size(model: str, size: int) -> None:
    head = head_of(model)
    assert head is not None
    assert head.weights.shape == (size,)
    assert model in ENDING_ODDS


@pytest.mark.parametrize("model", ["/some/qwen2.5-coder-0.5b.gguf", "../heads/qwen2.5-coder-0.5b", "other.gguf"])
def test_a_file_has_no_head(model: str) -> None:
    assert head_of(model) is None


def test_a_head_weighs_the_direction_of_the_state_and_the_models_own_odds() -> None:
    head = EndingHead(1, np.array([2.0, 0.0], np.float32), end_weight=1.0, bias=-1.0)
    even = head.probability(np.array([0.0, 5.0], np.float32), 0.5)
    assert even == pytest.approx(1 / (1 + np.exp(1.0)))
    assert head.probability(np.array([3.0, 3.0], np.float32), 0.5) == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert head.probability(np.array([30.0, 30.0], np.float32), 0.5) == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert head.probability(np.array([0.0, 5.0], np.float32), 0.9) > even
    assert 0 <= head.probability(np.array([-1.0, 0.0], np.float32), 0.0) < 0.001
    assert head.probability(np.array([1000.0, 0.0], np.float32), 1.0) <= 1
