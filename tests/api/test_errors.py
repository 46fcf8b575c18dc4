import pytest

from vivavoce_api import (
    ClientError,
    ConfigurationError,
    EngineBusyError,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    PluginError,
    PrerequisiteError,
    VivavoceError,
)

ALL = [ClientError, ConfigurationError, EngineError, PluginError, PrerequisiteError]
PASSING = [EngineBusyError, EngineTimeoutError, EngineUnavailableError]


@pytest.mark.parametrize("error", [*ALL, *PASSING])
def test_one_tree(error: type[VivavoceError]) -> None:
    assert issubclass(error, VivavoceError)
    assert error("words").retryable is (error in PASSING)


def test_retryable_can_be_said_otherwise() -> None:
    assert EngineError("words", retryable=True).retryable
    assert not EngineError("words").retryable


def test_the_fix_is_shown() -> None:
    assert str(PrerequisiteError("no weights", fix="pip install x")) == "no weights\n  fix: pip install x"
    assert str(PrerequisiteError("no weights")) == "no weights"
