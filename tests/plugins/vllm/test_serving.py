"""The command that serves a model: every flag, for every card, and what can't be."""

from __future__ import annotations

from typing import Any

import pytest
from vivavoce_vllm.cards import CARDS, card_of, memory_share
from vivavoce_vllm.options import VllmOptions
from vivavoce_vllm.serving import ServedModel

from vivavoce_api import ConfigurationError
from vivavoce_api.deployment import RunsModelServer

QWEN = "Qwen/Qwen2.5-7B-Instruct"
SPEECH = {"whisper": 1, "voxtream": 2}


def service(gpu: str | None = None, beside: Any = None, **options: Any) -> Any:
    chosen = VllmOptions(**{"model": QWEN, **options})
    assert isinstance(chosen, RunsModelServer)
    return chosen.model_service(gpu, beside=beside)


def flags(gpu: str | None = None, beside: Any = None, **options: Any) -> dict[str, str]:
    """The flags and their values; "" for a switch."""
    command = list(service(gpu, beside, **options).command)
    assert command[:2] == ["vllm", "serve"]
    found: dict[str, str] = {}
    for word in command[3:]:
        if word.startswith("--"):
            assert word not in found, f"{word} is there twice"
            found[word] = ""
        else:
            found[list(found)[-1]] = word
    return found


def test_command_for_an_a100_beside_whisper_and_voxtream() -> None:
    """40 GiB - 1.5 (Whisper) - 2 x 2.2 (VoXtream) - 1 to spare = 33.1."""
    assert service("A100", SPEECH).command[2] == QWEN
    assert flags("A100", SPEECH) == {
        "--host": "0.0.0.0",
        "--port": "8000",
        "--max-model-len": "4096",
        "--performance-mode": "interactivity",
        "--gpu-memory-utilization": "0.82",
        "--max-num-batched-tokens": "4096",
        "--enable-auto-tool-choice": "",
        "--tool-call-parser": "hermes",
        "--enable-prompt-tokens-details": "",
    }


def test_service_says_what_an_image_and_a_client_need() -> None:
    one = service("A100", base_url="http://127.0.0.1:8001/v1")
    assert (one.name, one.port, one.health_path, one.api_key_variable) == (QWEN, 8001, "/health", "VLLM_API_KEY")
    assert one.requirements == ("vllm==0.33.0",)
    assert flags(base_url="http://127.0.0.1:8001/v1")["--port"] == "8001"


def test_key_never_stands_in_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret-key")
    assert "secret-key" not in " ".join(service("H100").command)
    assert "--api-key" not in flags("H100")


@pytest.mark.parametrize("gpu", CARDS)
def test_every_card_gets_a_command_for_a_small_model(gpu: str) -> None:
    found = flags(gpu, model="Qwen/Qwen2.5-3B-Instruct")
    assert found["--gpu-memory-utilization"] == "0.90"
    assert ("--max-num-batched-tokens" in found) == (gpu not in ("B200", "H100", "H200", "RTX-PRO-6000"))
    assert found.get("--dtype") == ("half" if gpu == "T4" else None)
    assert "--tensor-parallel-size" not in found


def test_longest_prompt_fits_into_one_step_on_every_card() -> None:
    assert flags("A100", server={"max_model_len": 16_384})["--max-num-batched-tokens"] == "16384"
    assert flags("H100", server={"max_model_len": 16_384})["--max-num-batched-tokens"] == "16384"
    assert "--max-num-batched-tokens" not in flags("H100", server={"max_model_len": 8192})


@pytest.mark.parametrize(
    ("gpu", "beside", "share"),
    [
        ("A100", {}, 0.9),
        ("A100-80GB", SPEECH, 0.9),
        ("A100", {"whisper": 1, "voxtream": 8}, 0.49),
        ("L4", {"whisper": 1, "voxtream": 1}, 0.79),
        ("RTX-4090", {"rime": 1, "hibari": 1}, 0.9),
        ("T4", {"voxtream": 9}, 0.0),
    ],
)
def test_share_of_the_card(gpu: str, beside: dict[str, int], share: float) -> None:
    assert memory_share(CARDS[gpu], beside) == share


def test_share_can_be_said() -> None:
    found = flags("A100", SPEECH, server={"memory_share": 0.5})
    assert found["--gpu-memory-utilization"] == "0.50"
    assert flags(None, SPEECH, server={"memory_share": 0.5})["--gpu-memory-utilization"] == "0.50"


def test_without_a_card_nothing_depends_on_one() -> None:
    found = flags(None, {"rime": 1})
    assert not {"--gpu-memory-utilization", "--max-num-batched-tokens", "--dtype"} & found.keys()
    with pytest.raises(ConfigurationError, match="which card whisper and voxtream share") as caught:
        flags(None, {"rime": 1, **SPEECH})
    assert "--gpu" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("text", "memory_gib", "count"),
    [
        ("a100", 40, 1),
        ("NVIDIA A100 80GB", 80, 1),
        ("NVIDIA GeForce RTX 4090", 24, 1),
        ("rtx4090", 24, 1),
        ("H100!", 80, 1),
        ("h100:4", 80, 4),
        ("RTX_3090:2", 24, 2),
    ],
)
def test_names_of_cards(text: str, memory_gib: float, count: int) -> None:
    card, number = card_of(text)
    assert (card.memory_gib, number) == (memory_gib, count)


@pytest.mark.parametrize("text", ["", "any", "A100:0", "A100:9", "GTX-1080", "A100 --host"])
def test_unknown_cards_are_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(ConfigurationError, match="known are A10, A10G, A100"):
        card_of(text)


def test_several_cards_share_the_weights() -> None:
    assert flags("A100:2", model="Qwen/Qwen2.5-32B-Instruct")["--tensor-parallel-size"] == "2"
    with pytest.raises(ConfigurationError, match="32B-Instruct needs 68 GiB or so, and A100 has 36 GiB"):
        flags("A100", model="Qwen/Qwen2.5-32B-Instruct")


@pytest.mark.parametrize(
    ("name", "quantization", "weights_gib"),
    [
        (QWEN, None, 14.3),
        (QWEN, "fp8", 7.5),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", None, 4.3),
        ("meta-llama/Llama-3.2-1B-Instruct", None, 2.0),
        ("Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int8", None, 0.3),
        ("microsoft/phi-4", None, None),
        ("some/abc7b", None, None),
    ],
)
def test_weights_are_estimated_from_the_name(name: str, quantization: str | None, weights_gib: float | None) -> None:
    found = ServedModel(name, 4096, quantization).weights_gib
    assert found == (weights_gib if weights_gib is None else pytest.approx(weights_gib, abs=0.1))


def test_what_does_not_fit_beside_the_others_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="L4 has 13 GiB for it beside whisper, voxtream") as caught:
        flags("L4", {"whisper": 1, "voxtream": 3})
    assert "AWQ" in str(caught.value.fix)
    assert flags("L4", {"whisper": 1, "voxtream": 3}, model=f"{QWEN}-AWQ")
    with pytest.raises(ConfigurationError, match="T4 has 0 GiB"):
        flags("T4", {"voxtream": 9}, model="microsoft/phi-4")


@pytest.mark.parametrize(
    ("model", "options", "parser"),
    [
        (QWEN, {}, "hermes"),
        ("meta-llama/Llama-3.1-8B-Instruct", {}, "llama3_json"),
        ("mistralai/Mistral-7B-Instruct-v0.3", {}, "mistral"),
        ("Qwen/Qwen3-8B", {"tool_call_parser": "qwen3_xml"}, "qwen3_xml"),
        ("microsoft/phi-4", {}, None),
    ],
)
def test_tool_calls_are_parsed_where_the_model_is_known(model: str, options: Any, parser: str | None) -> None:
    found = flags(None, model=model, server=options)
    assert found.get("--tool-call-parser") == parser
    assert ("--enable-auto-tool-choice" in found) == (parser is not None)


def test_other_options_of_the_server() -> None:
    server = {"quantization": "fp8", "load_format": "dummy", "extra_args": ["--seed", "1"], "max_model_len": 8192}
    found = flags("L4", server=server)
    assert (found["--quantization"], found["--load-format"], found["--seed"]) == ("fp8", "dummy", "1")
    assert found["--max-model-len"] == "8192"


def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="no model is named"):
        flags("A100", model=None)
