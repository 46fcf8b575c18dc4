"""What must be there before anything is built: an account, and the secrets; and notes on what should be."""

from __future__ import annotations

import modal

from vivavoce_api import PrerequisiteError
from vivavoce_api.deployment import AgentService, Deployment
from vivavoce_modal.options import ModalOptions

MISSING = (modal.exception.NotFoundError, modal.exception.InvalidError)


def check(deployment: Deployment, options: ModalOptions) -> list[str]:
    """Notes on what is not there yet and can be added later. Asks Modal; raises `PrerequisiteError`."""
    try:
        modal.Client.from_env()
    except modal.exception.AuthError as error:
        why = "" if str(error).startswith("Token missing") else f": {error}"
        raise PrerequisiteError(f"you are not logged in to Modal on this machine{why}", fix="modal setup") from None
    for name, variables in deployment.secrets.items():
        _check_secret(name, variables)
    if isinstance(deployment.service, AgentService) and options.model_server is not None:
        return _notes_on_model_server(deployment, options)
    return []


def _check_secret(name: str, variables: tuple[str, ...]) -> None:
    create = f"modal secret create {name} " + " ".join(f"{variable}=..." for variable in variables)
    try:
        modal.Secret.from_name(name, required_keys=list(variables)).hydrate()
    except MISSING as error:
        raise PrerequisiteError(
            f"Modal has no secret '{name}' with {', '.join(variables) or 'any variable'}: {error}", fix=create.strip()
        ) from None


def _notes_on_model_server(deployment: Deployment, options: ModalOptions) -> list[str]:
    lookup = options.model_server
    assert lookup is not None
    if deployment.environment.get(lookup.variable):
        return []
    try:
        modal.Function.from_name(lookup.app, f"{lookup.label}-{lookup.method}").hydrate()
    except modal.exception.NotFoundError:
        return [
            f"the model server '{lookup.app}' is not deployed yet, so the agent can't answer; "
            "deploy it before the first conversation: modal deploy deploy/vllm.yaml"
        ]
    return []
