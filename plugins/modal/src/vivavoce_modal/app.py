"""A deployment as a `modal.App`: one web function in its image, with its GPU, scaling, secrets and volumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import modal

from vivavoce_api import PrerequisiteError
from vivavoce_api.deployment import AgentService, Deployment, ModelService
from vivavoce_modal import container, model_server
from vivavoce_modal.image import FILES, image_of
from vivavoce_modal.options import ModalOptions


@dataclass(frozen=True, slots=True)
class BuiltApp:
    """The app, and the function in it that `modal run` and `modal shell` take."""

    app: modal.App
    warm: Any


def build_app(deployment: Deployment, options: ModalOptions) -> BuiltApp:
    """The app of a deployment. Contacts nobody."""
    app = modal.App(options.app, include_source=False)
    secrets = [modal.Secret.from_name(name, required_keys=list(keys)) for name, keys in deployment.secrets.items()]
    image = image_of(deployment, options, secrets)
    secrets.append(modal.Secret.from_dict(dict(_environment(deployment, options))))
    resources = _resources(options, image, secrets)
    if isinstance(deployment.service, ModelService):
        _serve_models(app, deployment.service, options, resources)
        return BuiltApp(app, _add_warm(app, model_server.warm, options, resources))
    _serve_agent(app, deployment.service, options, resources)
    return BuiltApp(app, _add_warm(app, container.warm, options, resources))


def _add_warm(app: modal.App, warm: Callable[[], str], options: ModalOptions, resources: dict[str, Any]) -> Any:
    """A function that starts the service once; on the first GPU, as `modal shell` takes no list."""
    gpu = {"gpu": options.gpu[0] if isinstance(options.gpu, list) else options.gpu}
    settings = _set({"region": options.region}) | {"name": "warm", "timeout": options.startup_timeout_s}
    return app.function(**resources | _set(gpu), **settings)(warm)


def _resources(options: ModalOptions, image: modal.Image, secrets: list[modal.Secret]) -> dict[str, Any]:
    """What every function of the app gets; what is not set is left to Modal."""
    volumes = {place: modal.Volume.from_name(name, create_if_missing=True) for name, place in options.volumes.items()}
    chosen = {
        "gpu": options.gpu[0] if isinstance(options.gpu, list) and len(options.gpu) == 1 else options.gpu,
        "cpu": options.cpu,
        "memory": options.memory_mib,
    }
    return {"image": image, "secrets": secrets, "volumes": volumes} | _set(chosen)


def _scaling(options: ModalOptions) -> dict[str, Any]:
    return _set(
        {
            "min_containers": options.min_containers,
            "max_containers": options.max_containers,
            "buffer_containers": options.buffer_containers,
            "scaledown_window": options.scaledown_window_s,
            "routing_region": options.routing_region,
        }
    )


def _web_settings(options: ModalOptions) -> dict[str, Any]:
    return _scaling(options) | _set(
        {
            "region": options.region,
            "timeout": options.call_timeout_s,
            "startup_timeout": options.startup_timeout_s,
            "name": f"{options.label}-{options.method}",
        }
    )


def _serve_agent(app: modal.App, service: AgentService, options: ModalOptions, resources: dict[str, Any]) -> None:
    if options.server:
        _serve_on_a_port(app, service, options, resources)
    elif options.snapshot != "off":
        _serve_from_a_snapshot(app, service, options, resources)
    else:
        decorated = modal.concurrent(**_concurrency(service, options))(
            modal.asgi_app(label=options.web_label)(container.web)
        )
        app.function(**resources, **_web_settings(options))(decorated)


def _serve_from_a_snapshot(
    app: modal.App, service: AgentService, options: ModalOptions, resources: dict[str, Any]
) -> None:
    from vivavoce_modal.snapshot import snapshotted

    settings: dict[str, Any] = _web_settings(options) | {"enable_memory_snapshot": True}
    del settings["name"]  # a class has its own
    if options.snapshot == "gpu":
        settings["experimental_options"] = {"enable_gpu_snapshot": True}
    decorated = modal.concurrent(**_concurrency(service, options))(snapshotted(options.web_label))
    app.cls(**resources, **settings)(decorated)


def _serve_on_a_port(app: modal.App, service: AgentService, options: ModalOptions, resources: dict[str, Any]) -> None:
    from vivavoce_modal.low_latency import DRAIN_S, PORT, LowLatencyServer

    if not hasattr(modal.App, "server"):
        raise PrerequisiteError("server: true needs a newer version of Modal's client", fix="pip install 'modal>=1.5'")
    concurrency = _concurrency(service, options)
    settings = _scaling(options) | _set(
        {"compute_region": options.region, "target_concurrency": concurrency.get("target_inputs")}
    )
    app.server(
        **resources,
        **settings,
        name=f"{options.label}-{options.method}",
        port=PORT,
        unauthenticated=True,
        startup_timeout=options.startup_timeout_s,
        exit_grace_period=DRAIN_S,
        max_concurrency=concurrency["max_inputs"],
    )(LowLatencyServer)


def _serve_models(app: modal.App, service: ModelService, options: ModalOptions, resources: dict[str, Any]) -> None:
    requests = options.max_sessions or model_server.MAX_REQUESTS
    decorated = modal.concurrent(max_inputs=requests, **_set({"target_inputs": options.target_sessions}))(
        modal.web_server(service.port, startup_timeout=options.startup_timeout_s, label=options.web_label)(
            model_server.serve
        )
    )
    app.function(**resources, **_web_settings(options))(decorated)


def _concurrency(service: AgentService, options: ModalOptions) -> dict[str, int]:
    sessions = service.sessions
    target = options.target_sessions
    return {"max_inputs": sessions} | ({"target_inputs": min(target, sessions)} if target is not None else {})


def _environment(deployment: Deployment, options: ModalOptions) -> dict[str, str]:
    """Variables of the container that are no secrets, ours and the user's."""
    service = deployment.service
    if isinstance(service, ModelService):
        ours = {model_server.VARIABLE: json.dumps(model_server.settings_of(service, options.startup_timeout_s))}
    else:
        ours = {
            "VIVAVOCE_AGENT": f"{FILES}/{service.agent}",
            container.SESSIONS_VARIABLE: str(service.sessions),
        }
        if not options.accept_while_loading or options.snapshot != "off":
            ours[container.WAIT_VARIABLE] = "1"
        if (lookup := options.model_server) is not None:
            found = {"app": lookup.app, "function": f"{lookup.label}-{lookup.method}", "variable": lookup.variable}
            ours[container.MODEL_SERVER_VARIABLE] = json.dumps(found)
    return {**deployment.environment, **ours}


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
