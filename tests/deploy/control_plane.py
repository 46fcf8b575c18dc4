"""A control plane of Modal's for tests: it answers what a deployment asks, and remembers everything.

A gRPC service on a free port of this machine, built from the `modal_proto` that came with the installed Modal. What is
not answered here is an error for the client, and stands in `refused`: a test sees that nothing else was called.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpclib
from google.protobuf.empty_pb2 import Empty
from grpclib.server import Server
from modal_proto import api_pb2
from modal_proto.api_grpc import ModalClientBase

BUILDER_VERSION = "2025.06"
SUCCESS = api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS)


@dataclass
class ControlPlane:
    """What was deployed, by id. `secrets` and `deployed` are what exists before; tests fill them in."""

    secrets: dict[str, set[str]] = field(default_factory=dict)
    deployed: dict[tuple[str, str], str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    last_refused: Any = None
    images: dict[str, api_pb2.Image] = field(default_factory=dict)
    mounts: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    secret_ids: dict[str, api_pb2.SecretGetOrCreateRequest] = field(default_factory=dict)
    function_ids: dict[str, str] = field(default_factory=dict)
    functions: dict[str, api_pb2.FunctionData] = field(default_factory=dict)
    published: list[api_pb2.AppPublishRequest] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    url: str = ""
    updated: threading.Event = field(default_factory=threading.Event)

    def function(self, name: str) -> api_pb2.FunctionData:
        """The function of that name, as it was created last; a single GPU's definition looks like one of a list."""
        (found,) = [one for one in self.functions.values() if one.function_name == name]
        return found

    def layers(self, image_id: str) -> list[api_pb2.Image]:
        """An image's layers, the base first."""
        layers = []
        while image_id:
            image = self.images[image_id]
            layers.append(image)
            image_id = image.base_images[0].image_id if image.base_images else ""
        return layers[::-1]

    def commands(self, image_id: str) -> list[str]:
        """All lines of all layers, without those that only say on what a layer stands."""
        lines = [line for layer in self.layers(image_id) for line in layer.dockerfile_commands]
        return [line for line in lines if line != "FROM base"]

    def variables(self, secret_ids: Any) -> dict[str, str]:
        """The variables in a function's unnamed secrets: those that the deployment's own file sets."""
        return {name: value for one in secret_ids for name, value in self.secret_ids[one].env_dict.items()}

    # What Modal answers. The names are those of its calls.

    def ClientHello(self, _: Any) -> Any:
        return api_pb2.ClientHelloResponse()

    def AuthTokenGet(self, _: Any) -> Any:
        claims = base64.urlsafe_b64encode(json.dumps({"exp": 2**40}).encode()).decode().rstrip("=")
        return api_pb2.AuthTokenGetResponse(token=f"e30.{claims}.none")

    def EnvironmentGetOrCreate(self, _: Any) -> Any:
        settings = api_pb2.EnvironmentSettings(image_builder_version=BUILDER_VERSION)
        metadata = api_pb2.EnvironmentMetadata(name="main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    def AppGetByDeploymentName(self, _: Any) -> Any:
        return api_pb2.AppGetByDeploymentNameResponse()

    def AppCreate(self, request: Any) -> Any:
        self.apps.append(request.description)
        return api_pb2.AppCreateResponse(app_id="ap-1", app_page_url="https://modal.test/ap-1")

    def AppGetLayout(self, _: Any) -> Any:
        return api_pb2.AppGetLayoutResponse()

    def AppHeartbeat(self, _: Any) -> Any:
        return Empty()

    def AppClientDisconnect(self, _: Any) -> Any:
        return Empty()

    def AppPublish(self, request: Any) -> Any:
        self.published.append(request)
        self.updated.set()
        return api_pb2.AppPublishResponse(url="https://modal.test/deployed", deployed_at=1)

    async def AppGetLogs(self, _: Any) -> AsyncIterator[Any]:
        yield api_pb2.TaskLogsBatch(app_done=True)

    def TaskList(self, _: Any) -> Any:
        return api_pb2.TaskListResponse()

    def SecretGetOrCreate(self, request: Any) -> Any:
        name = request.deployment_name
        if name:
            if name not in self.secrets:
                raise grpclib.GRPCError(grpclib.Status.NOT_FOUND, f"Secret '{name}' not found in environment 'main'")
            if missing := set(request.required_keys) - self.secrets[name]:
                raise grpclib.GRPCError(grpclib.Status.NOT_FOUND, f"Secret is missing key(s): {', '.join(missing)}")
        return api_pb2.SecretGetOrCreateResponse(secret_id=_numbered("st", self.secret_ids, request))

    def VolumeGetOrCreate(self, request: Any) -> Any:
        return api_pb2.VolumeGetOrCreateResponse(volume_id=_numbered("vo", self.volumes, request.deployment_name))

    def MountBatchedCheckExistence(self, request: Any) -> Any:
        missing = [digest for digest in request.sha256_hex_hashes if digest not in self.files]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    def MountPutFile(self, request: Any) -> Any:
        if request.data:
            assert hashlib.sha256(request.data).hexdigest() == request.sha256_hex
            self.files[request.sha256_hex] = request.data
        return api_pb2.MountPutFileResponse(exists=request.sha256_hex in self.files)

    def MountGetOrCreate(self, request: Any) -> Any:
        files = {file.filename: file.sha256_hex for file in request.files}
        return api_pb2.MountGetOrCreateResponse(mount_id=_numbered("mo", self.mounts, files))

    def ImageGetOrCreate(self, request: Any) -> Any:
        image_id = _numbered("im", self.images, request.image)
        return api_pb2.ImageGetOrCreateResponse(image_id=image_id, result=SUCCESS)

    def FunctionPrecreate(self, request: Any) -> Any:
        function_id = _numbered("fu", self.function_ids, request.function_name)
        return api_pb2.FunctionPrecreateResponse(
            function_id=function_id, handle_metadata=api_pb2.FunctionHandleMetadata(function_name=request.function_name)
        )

    def FunctionCreate(self, request: Any) -> Any:
        data = request.function_data if request.HasField("function_data") else _data_of(request.function)
        function_id = _numbered("fu", self.function_ids, data.function_name)
        self.functions[function_id] = data
        label = data.webhook_config.requested_suffix
        metadata = api_pb2.FunctionHandleMetadata(
            function_name=data.function_name, web_url=f"https://someone--{label}.modal.run" if label else ""
        )
        return api_pb2.FunctionCreateResponse(function_id=function_id, handle_metadata=metadata, function_data=data)

    def ClassCreate(self, _: Any) -> Any:
        return api_pb2.ClassCreateResponse(class_id="cs-1")

    def FunctionMap(self, request: Any) -> Any:
        (one,) = request.pipelined_inputs
        self.started.append(self.function_ids[request.function_id])
        started = api_pb2.FunctionPutInputsResponseItem(idx=one.idx, input_id="in-1")
        return api_pb2.FunctionMapResponse(function_call_id="fc-1", pipelined_inputs=[started])

    def FunctionGetOutputs(self, _: Any) -> Any:
        result = api_pb2.GenericResult(status=SUCCESS.status, data=pickle.dumps("warm"))
        output = api_pb2.FunctionGetOutputsItem(idx=0, result=result, data_format=api_pb2.DATA_FORMAT_PICKLE)
        return api_pb2.FunctionGetOutputsResponse(outputs=[output], last_entry_id="1-0")

    def FunctionGet(self, request: Any) -> Any:
        url = self.deployed.get((request.app_name, request.object_tag))
        if url is None:
            raise grpclib.GRPCError(grpclib.Status.NOT_FOUND, f"App '{request.app_name}' not found")
        metadata = api_pb2.FunctionHandleMetadata(function_name=request.object_tag, web_url=url)
        data = _data_of(api_pb2.Function(function_name=request.object_tag))
        return api_pb2.FunctionGetResponse(function_id="fu-1000", handle_metadata=metadata, function=data)


def _numbered(prefix: str, table: dict[str, Any], value: Any) -> str:
    """Keep `value` under a new id, or find it under the id that it has."""
    for key, present in table.items():
        if present == value:
            return key
    key = f"{prefix}-{len(table) + 1}"
    table[key] = value
    return key


def _data_of(function: api_pb2.Function) -> api_pb2.FunctionData:
    """A function with one GPU in the form of one with several."""
    shared = {name for name in api_pb2.FunctionData.DESCRIPTOR.fields_by_name} & set(function.DESCRIPTOR.fields_by_name)
    data = api_pb2.FunctionData()
    for descriptor, value in function.ListFields():
        if descriptor.name in shared:
            if hasattr(value, "MergeFrom"):  # a message, a list or a map
                getattr(data, descriptor.name).MergeFrom(value)
            else:
                setattr(data, descriptor.name, value)
    data.ranked_functions.append(api_pb2.FunctionData.RankedFunction(rank=0, function=function))
    return data


def _service(plane: ControlPlane) -> ModalClientBase:
    """The gRPC service: each call goes to the plane's method of that name."""

    def handler(name: str) -> Callable[..., Any]:
        async def handle(_: Any, stream: Any) -> None:
            request = await stream.recv_message()
            answer = getattr(plane, name, None)
            if answer is None:
                plane.refused.append(name)
                plane.last_refused = request
                raise grpclib.GRPCError(grpclib.Status.UNIMPLEMENTED, f"the test control plane has no {name}")
            plane.calls.append(name)
            answered = answer(request)
            if isinstance(answered, AsyncIterator):
                async for message in answered:
                    await stream.send_message(message)
            else:
                await stream.send_message(answered)

        return handle

    names = ModalClientBase.__abstractmethods__
    return type("Service", (ModalClientBase,), {name: handler(name) for name in names})()


@contextmanager
def serving(plane: ControlPlane) -> Iterator[ControlPlane]:
    """Serve `plane` on a free port of this machine, in a thread; its `url` says where."""
    started, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        server = Server([_service(plane)])
        await server.start("127.0.0.1", 0)
        (socket,) = server._server.sockets  # type: ignore[union-attr]
        plane.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        started.set()
        try:
            await stopping.wait()
        finally:
            server.close()
            await server.wait_closed()

    stopping = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield plane
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
