"""The contract is documented and light."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import vivavoce_api
from vivavoce_api import Options, hooks

README = Path(__file__).parents[2] / "core" / "api" / "README.md"


def test_every_hook_is_documented() -> None:
    readme = README.read_text(encoding="utf-8")
    names = [name for name in vars(hooks) if name.startswith("vivavoce_")]
    assert names
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_every_conformance_class_is_documented() -> None:
    from vivavoce_api import testing

    readme = README.read_text(encoding="utf-8")
    names = [name for name in testing.__all__ if name.endswith("Conformance") and name != "EngineConformance"]
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_importing_the_contract_imports_nothing_heavy() -> None:
    code = (
        "import sys, vivavoce_api;"
        "heavy = ('pytest', 'numpy', 'pipecat', 'vivavoce', 'vivavoce_api.testing');"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_exists() -> None:
    assert [name for name in vivavoce_api.__all__ if not hasattr(vivavoce_api, name)] == []


def test_options_are_strict_immutable_and_described() -> None:
    class Voice(Options):
        speed: float = 1.0
        """How fast."""

    assert Voice.model_json_schema()["properties"]["speed"]["description"] == "How fast."
    with pytest.raises(ValidationError, match="sped"):
        Voice(sped=2)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="frozen"):
        Voice().speed = 2  # type: ignore[misc]
