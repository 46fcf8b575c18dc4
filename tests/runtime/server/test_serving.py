"""The listening socket, and what is said when there is none."""

import asyncio
import socket

import pytest

from vivavoce.server.allowance import Allowance
from vivavoce.server.serving import listen, page_address, run
from vivavoce_api.errors import PrerequisiteError


def test_a_taken_port_is_named_with_another_to_try():
    async def scenario():
        taken = await listen("127.0.0.1", 0)
        port = taken.getsockname()[1]
        with taken, pytest.raises(PrerequisiteError) as raised:
            await listen("127.0.0.1", port)
        assert str(port) in raised.value.message
        assert raised.value.fix == f"--port {port + 1}"

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_isnt_ours_is_refused_in_words(host):
    with pytest.raises(PrerequisiteError) as raised:
        asyncio.run(listen(host, 0))
    assert host in raised.value.message


def test_small_packets_leave_at_once():
    """asyncio turns Nagle off for accepted connections only if the listener names TCP."""

    async def scenario():
        accepted = asyncio.get_running_loop().create_future()
        listener = await listen("127.0.0.1", 0)
        server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=listener)
        async with server:
            _, writer = await asyncio.open_connection(*listener.getsockname())
            at_server = await accepted
            raw = at_server.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            writer.close()
            at_server.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("bound", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("fe80::1", "[fe80::1]")],
)
def test_the_address_shown_can_be_opened(bound, shown):
    class Bound:
        def getsockname(self):
            return (bound, 8123, 0, 0)

    assert page_address(Bound()) == f"http://{shown}:8123/"


def test_a_client_may_catch_up_but_not_rush_ahead():
    allowance = Allowance(burst_ms=1_000)
    assert allowance.spend(1_000, now_s=0.0) == 0
    assert allowance.spend(500, now_s=0.0) == pytest.approx(0.5)
    assert allowance.spend(100, now_s=1.0) == 0
    assert allowance.spend(0, now_s=100.0) == 0
    assert allowance.spend(1_500, now_s=100.0) == pytest.approx(0.5)  # quiet time is not saved up


def test_the_quickest_event_loop_that_is_installed_serves() -> None:
    async def loop_module() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(loop_module()) == "uvloop"
