"""Every error of vivavoce and its plugins: one tree, each with words that a user can act on."""

from __future__ import annotations


class VivavoceError(Exception):
    """Root of the tree.

    `message` is shown to people as it is and holds no secret. `fix` is the command or the YAML line that
    mends it, where one is known. `retryable` says whether the same call may succeed a little later.
    """

    retryable = False

    def __init__(self, message: str, *, fix: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return self.message if self.fix is None else f"{self.message}\n  fix: {self.fix}"


class ConfigurationError(VivavoceError):
    """A YAML file, an option or an environment variable says what can't be."""


class PrerequisiteError(VivavoceError):
    """Something has to be installed or fetched first: a package, a library, weights. `fix` says how."""


class PluginError(VivavoceError):
    """A plugin breaks the contract, could not be imported, or is not installed."""


class ClientError(VivavoceError):
    """A client sent what the protocol does not allow. The session goes on unless said otherwise."""


class EngineError(VivavoceError):
    """An engine failed during a turn; the turn is lost, the session goes on."""


class EngineUnavailableError(EngineError):
    """The engine or its server can't be reached, or went away."""

    retryable = True


class EngineTimeoutError(EngineError):
    """The engine did not answer within its deadline."""

    retryable = True


class EngineBusyError(EngineError):
    """The engine serves as many sessions as it can."""

    retryable = True
