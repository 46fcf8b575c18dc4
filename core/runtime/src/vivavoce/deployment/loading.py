"""From a deployment's YAML file to what its target is given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vivavoce.definition.agent import AgentDefinition
from vivavoce.definition.choice import Choice, Resolver
from vivavoce.definition.document import Document, read_document
from vivavoce.definition.environment import expand_environment
from vivavoce.definition.loading import check_agent
from vivavoce.definition.problem import Problem, error_of
from vivavoce.definition.words import explain
from vivavoce.deployment.agent_service import agent_service, named_paths
from vivavoce.deployment.definition import SECTION_KINDS, DeploymentDefinition
from vivavoce.deployment.software import software_of_agent, software_of_models
from vivavoce_api import Catalog, ConfigurationError, no_progress
from vivavoce_api.deployment import Deployment, DeploymentTarget, ModelService, RunsModelServer

GPU_EXTRA = "cuda"
"""The extra of a plugin's package with what it needs on a GPU beyond the rest."""

SECRET_PLACEHOLDER = "(in a secret)"
"""What a variable in a secret is taken for while the agent is checked: nobody here knows its value."""


@dataclass(frozen=True, slots=True)
class LoadedDeployment:
    """A deployment and its target, ready to describe or to deploy it."""

    deployment: Deployment
    target: DeploymentTarget
    target_name: str


def load_deployment(path: Path | str, catalog: Catalog, environ: Mapping[str, str] = os.environ) -> LoadedDeployment:
    """The checked deployment in the file at `path`, with its agent checked as its container will see it.

    Builds wheels of packages that are installed from local folders; contacts nothing, loads no engine. Raises one
    `ConfigurationError` that tells everything that is wrong with the files, or `PrerequisiteError`.
    """
    path = Path(path)
    document = read_document(path)
    definition = _checked(path, document, catalog, environ)
    target = definition.target.offer.load(definition.target.options, no_progress)
    if definition.model_server is None:
        deployment = _of_agent(path, document, definition, catalog)
    else:
        deployment = _of_models(path, document, definition, definition.model_server)
    return LoadedDeployment(deployment, target, definition.target.offer.name)


def _checked(path: Path, document: Document, catalog: Catalog, environ: Mapping[str, str]) -> DeploymentDefinition:
    """The file's own keys and the target's options. Raises `ConfigurationError`."""
    originals = expand_environment(document, environ)
    resolver = Resolver(document, catalog, originals, path.parent, missing=[])
    values: dict[str, Any] = dict(document.data)
    for name, kind in SECTION_KINDS.items():
        if name in values:
            values[name] = resolver.resolve(kind, values[name], (name,))
    schema = DeploymentDefinition.model_json_schema()
    definition = None
    try:
        definition = DeploymentDefinition.model_validate(values)
    except ValidationError as error:
        for keys, words in explain(error, schema, values, "key of a deployment", originals):
            if not (keys and keys[0] in values and values[keys[0]] is None):
                document.report(keys, words)
    problems = [*document.problems.values(), *(missing.problem for missing in resolver.missing)]
    if definition is None or problems:
        raise error_of(problems)
    return definition


def _of_agent(path: Path, document: Document, definition: DeploymentDefinition, catalog: Catalog) -> Deployment:
    assert definition.agent is not None
    agent = _checked_agent(path.parent / definition.agent, document, definition, catalog)
    options = definition.target.options
    choices = [definition.target, *agent.choices()]
    extras = (GPU_EXTRA,) if getattr(options, "gpu", None) else ()
    wanted = getattr(options, "max_sessions", None)
    return Deployment(
        path=path,
        service=agent_service(agent, min(agent.limits.max_sessions, wanted or agent.limits.max_sessions)),
        software=software_of_agent(choices, extras, _wheels(path, definition)),
        environment=definition.environment,
        secrets={name: tuple(variables) for name, variables in definition.secrets.items()},
        notes=(*_absent_files(agent), *_unset_variables(agent.choices(), _container_environment(definition))),
        watched=(path,),
    )


def _of_models(path: Path, document: Document, definition: DeploymentDefinition, chosen: Choice) -> Deployment:
    if not isinstance(chosen.options, RunsModelServer):
        keys = ("model_server", "plugin")
        raise error_of([document.problem(keys, f"'{chosen.offer.name}' has no server of its own that could be run")])
    gpu: Any = getattr(definition.target.options, "gpu", None)
    service = chosen.options.model_service(gpu[0] if isinstance(gpu, list) else gpu)
    secrets = {name: tuple(variables) for name, variables in definition.secrets.items()}
    return Deployment(
        path=path,
        service=service,
        software=software_of_models(service, definition.target, _wheels(path, definition)),
        environment=definition.environment,
        secrets=secrets,
        notes=tuple(_notes_on_key(service, _container_environment(definition))),
        watched=(path,),
    )


def _notes_on_key(service: ModelService, environment: Mapping[str, str]) -> list[str]:
    name = service.api_key_variable
    if name in environment:
        return []
    return [f"{name} is in no secret: everybody who knows the URL can use the model server"]


def _checked_agent(
    agent: Path, document: Document, definition: DeploymentDefinition, catalog: Catalog
) -> AgentDefinition:
    """The agent as its container will see it: with the deployment's variables, and none of this machine's."""
    agent = Path(os.path.normpath(agent))
    if not agent.is_file():
        raise error_of([document.problem(("agent",), f"there is no agent file {agent}")])
    environment = _container_environment(definition)
    report = check_agent(agent, catalog, environment)
    problems = [_deployed(problem) for problem in report.problems]
    problems += [missing.problem for missing in report.missing]
    if problems or report.definition is None:
        raise error_of(problems)
    return report.definition


def _container_environment(definition: DeploymentDefinition) -> dict[str, str]:
    secret = {name: SECRET_PLACEHOLDER for names in definition.secrets.values() for name in names}
    return {**secret, **definition.environment}


def _deployed(problem: Problem) -> Problem:
    """The problem in the words of a deployment: a variable that is missing is missing there."""
    if problem.fix is None or not problem.fix.startswith("export "):
        return problem
    name = problem.fix.removeprefix("export ").removesuffix("=...")
    return Problem(
        problem.file,
        problem.line,
        problem.keys,
        f"the variable {name} has no value in the deployment's container, and ${{{name}}} has no default",
        f"add to the deployment's file: `environment: {{{name}: ...}}`, or `secrets: {{NAME-OF-SECRET: [{name}]}}`",
    )


def _absent_files(agent: AgentDefinition) -> Iterator[str]:
    """Notes on files that the agent names and that are not there: the engine will refuse to load without them."""
    for path in named_paths(agent):
        if path.suffix and not path.exists():
            yield f"{agent.path} names {os.path.relpath(path)}, which is not there"


def _unset_variables(choices: list[Choice], environment: Mapping[str, str]) -> list[str]:
    """Notes on variables that plugins read and that the container will not have."""
    read = dict.fromkeys((c.offer.name, name) for c in choices for name in c.offer.requirements.environment)
    return [
        f"{plugin} reads {name}, which neither `environment` nor `secrets` name"
        for plugin, name in read
        if name not in environment
    ]


def _wheels(path: Path, definition: DeploymentDefinition) -> Path | None:
    if definition.wheels is None:
        return None
    folder = path.parent / definition.wheels
    if not folder.is_dir():
        raise ConfigurationError(f"{path}: wheels: there is no folder {folder}")
    return folder
