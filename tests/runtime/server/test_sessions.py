"""Every way a client can misbehave, over real sockets: it is told, others go on, nothing stays behind."""

import asyncio
import contextlib
import logging

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from vivavoce.audio.ogg_writer import OggOpusWriter
from vivavoce.audio.opus import OpusEncoder
from vivavoce.server import connection as connection_module
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ClientError, EngineBusyError, EngineUnavailableError
from vivavoce_api.transport import ErrorNotice, ReplyAudio, ReplyEnded, ReplyText, UserTranscript

RANDOM = bytes((at * 197 + 31) % 251 for at in range(400))


@pytest.fixture
def beside_another(server_kit):
    """Run `misbehave(server)` while another client talks before and after it."""

    def run(misbehave, agent=None, **options):
        async def scenario():
            async with (
                server_kit.serve(agent() if agent else None, **options) as server,
                connect(server.ws, proxy=None) as other,
            ):
                assert await server_kit.answers(other)
                await misbehave(server)
                await server.agent.until_open(1)
                assert await server_kit.answers(other)

        asyncio.run(scenario())

    return run


async def close_of(socket):
    """The close code and reason, and the messages before it."""
    messages = [message async for message in _until_closed(socket)]
    return socket.close_code, messages


async def _until_closed(socket):
    with contextlib.suppress(ConnectionClosed):
        while True:
            yield await asyncio.wait_for(socket.recv(), 20)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("hello?", b"binary"),
        ('{"type": "playback", "reply": -1}', b"playback"),
        (b"", b"Opus packet"),
        (b"\x4b\x3f" + RANDOM, b"not an Opus packet"),
        (b"OggS" + RANDOM * 200, b"Ogg"),
    ],
    ids=["text", "bad report", "empty", "random", "damaged ogg"],
)
def test_bad_messages_are_answered_and_the_session_goes_on(beside_another, server_kit, message, word):
    async def misbehave(server):
        async with connect(server.ws, proxy=None) as socket:
            await socket.send(message)
            notice = await socket.recv()
            assert notice[0] == 0x03
            assert word in notice
            if message[:4] != b"OggS":
                assert await server_kit.answers(socket)

    beside_another(misbehave)


def test_a_truncated_packet_is_answered_and_the_session_goes_on(beside_another, server_kit):
    (packet,) = OpusEncoder(24_000, 80).encode(AudioChunk(RANDOM * 10, 24_000).slice_ms(0, 80))

    async def misbehave(server):
        async with connect(server.ws, proxy=None) as socket:
            await socket.send(packet[: len(packet) // 2])
            assert (await socket.recv()).startswith(b"\x03not an Opus packet")
            assert await server_kit.answers(socket)

    beside_another(misbehave)


def test_an_ogg_page_cut_in_two_works(beside_another):
    writer = OggOpusWriter(24_000)
    packets = list(OpusEncoder(24_000, 20).encode(AudioChunk.silence(160, 24_000)))
    pages = writer.take_headers() + writer.page(packets[:4], 20), writer.page(packets[4:], 20)

    async def client(server):
        async with connect(server.ws, proxy=None) as socket:
            for page in pages:
                await socket.send(page[:50])
                await socket.send(page[50:])
            heard = [await socket.recv() for _ in range(8)]
            assert heard == [b"\x0214 ms"] + [b"\x0220 ms"] * 7  # the first lacks the pre-skip

    beside_another(client)


def test_a_flood_of_garbage_is_answered_once(beside_another, server_kit, monkeypatch):
    monkeypatch.setattr(connection_module, "NOTICE_INTERVAL_S", 3600)

    async def misbehave(server):
        async with connect(server.ws, proxy=None) as socket:
            for _ in range(200):
                await socket.send(b"\x4b\x3f" + RANDOM)
            assert (await socket.recv())[0] == 0x03
            assert await server_kit.answers(socket)
            assert server.count("bad_messages_total") == 200
            assert server.count("error_notices_total") < 20

    beside_another(misbehave)


def test_a_message_of_10_mb_closes_with_1009(beside_another):
    async def misbehave(server):
        async with connect(server.ws, proxy=None, max_size=None) as socket:
            with contextlib.suppress(ConnectionClosed):
                await socket.send(bytes(10_000_000))
            assert await close_of(socket) == (1009, [])

    beside_another(misbehave)


def test_a_hundred_messages_at_once_are_all_heard(beside_another):
    packets = list(OpusEncoder().encode(AudioChunk.silence(2_000, 16_000)))

    async def client(server):
        async with connect(server.ws, proxy=None) as socket:
            await asyncio.gather(*(socket.send(packet) for packet in packets))
            heard = [await asyncio.wait_for(socket.recv(), 20) for _ in packets]
            assert heard == [b"\x0220 ms"] * 100

    beside_another(client)


async def talk_without_end(connection, parameters):
    for reply_id in range(1_000_000):
        await connection.send(ReplyAudio(reply_id, AudioChunk.silence(400, 48_000)))


async def one_reply_then_wait(connection, parameters):
    await connection.send(ReplyAudio(1, AudioChunk.silence(20, 24_000)))
    await asyncio.Event().wait()


def test_a_client_that_never_reads_is_given_up(beside_another, server_kit, monkeypatch):
    monkeypatch.setattr(connection_module, "SEND_TIMEOUT_S", 0.2)

    async def misbehave(server):
        socket = await connect(f"{server.ws}?script=endless", proxy=None, max_queue=1)
        await server.agent.until_open(2)
        await server.agent.until_open(1)
        async with asyncio.timeout(20):
            while server.count("sessions_total", outcome="client_stalled") != 1:  # noqa: ASYNC110  a counter, no event
                await asyncio.sleep(0.05)
        socket.transport.abort()
        await socket.wait_closed()

    beside_another(misbehave, lambda: server_kit.agent(endless=talk_without_end))


def test_leaving_in_the_middle_of_a_reply_ends_the_conversation(beside_another, server_kit):
    async def misbehave(server):
        async with connect(f"{server.ws}?script=waits", proxy=None) as socket:
            assert (await socket.recv())[0] == 0x01
            await server.agent.until_open(2)
        await server.agent.until_open(1)

    async def abort(server):
        socket = await connect(f"{server.ws}?script=endless", proxy=None)
        assert (await socket.recv())[0] == 0x01
        socket.transport.abort()
        await socket.wait_closed()
        await server.agent.until_open(1)

    for leave in (misbehave, abort):
        beside_another(leave, lambda: server_kit.agent(waits=one_reply_then_wait, endless=talk_without_end))


def raising(error):
    async def script(connection, parameters):
        raise error

    return script


def in_a_group(error):
    async def script(connection, parameters):
        async with asyncio.TaskGroup() as group:
            group.create_task(raising(error)(connection, parameters))

    return script


@pytest.mark.parametrize("wrapped", [raising, in_a_group])
@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (EngineBusyError("all 4 seats are taken"), 1013, b"\x03all 4 seats are taken"),
        (ClientError("vllm_url is not on the list"), 1008, b"\x03vllm_url is not on the list"),
        (EngineUnavailableError("the model server is down"), 1011, b"\x03the model server is down"),
        (KeyError("secret"), 1011, b"\x03Something went wrong on the server"),
    ],
)
def test_what_a_conversation_raises_is_told_in_words(beside_another, server_kit, caplog, wrapped, error, code, words):
    async def client(server):
        async with connect(f"{server.ws}?script=raises", proxy=None) as socket:
            closed_with, (notice,) = await close_of(socket)
            assert closed_with == code
            assert notice.startswith(words)
            assert b"secret" not in notice

    with caplog.at_level(logging.WARNING):
        beside_another(client, lambda: server_kit.agent(raises=wrapped(error)))
    assert ("secret" in caplog.text) == isinstance(error, KeyError)


def test_a_conversation_that_ends_by_itself_closes_normally(beside_another, server_kit):
    async def ends(connection, parameters):
        await connection.send(UserTranscript("bye", final=True))

    async def client(server):
        async with connect(f"{server.ws}?script=ends", proxy=None) as socket:
            assert await close_of(socket) == (1000, [b"\x02bye"])

    beside_another(client, lambda: server_kit.agent(ends=ends))


def test_an_agent_that_is_loading_says_so(server_kit):
    async def scenario():
        agent = server_kit.agent()
        agent.ready = False
        async with server_kit.serve(agent) as server, connect(server.ws, proxy=None) as socket:
            code, (notice,) = await close_of(socket)
            assert code == 1013
            assert notice.startswith(b"\x03The agent is still loading")
            assert agent.parameters == []

    asyncio.run(scenario())


def test_too_long_an_address_is_refused(beside_another):
    async def client(server):
        async with connect(f"{server.ws}?vllm_url={'a' * 3000}", proxy=None) as socket:
            code, (notice,) = await close_of(socket)
            assert code == 1008
            assert b"vllm_url" in notice

    beside_another(client)


@pytest.mark.parametrize(
    ("origin", "allowed", "opens"),
    [
        (None, (), True),
        ("same", (), True),
        ("https://evil.example", (), False),
        ("null", (), False),
        ("https://friend.example", ("https://friend.example",), True),
        ("https://evil.example", ("*",), True),
    ],
)
def test_only_known_pages_may_connect(beside_another, origin, allowed, opens):
    async def client(server):
        asked = server.http if origin == "same" else origin
        if opens:
            async with connect(server.ws, proxy=None, origin=asked):
                await server.agent.until_open(2)
            return
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.ws, proxy=None, origin=asked)
        assert refused.value.response.status_code == 403

    beside_another(client, allowed_origins=allowed)


def test_events_are_sent_only_to_those_who_ask(beside_another, server_kit):
    async def speaks(connection, parameters):
        assert "events" not in parameters
        await connection.send(ReplyText(1, "Hi."))
        await connection.send(ReplyAudio(1, AudioChunk.silence(20, 24_000)))
        await connection.send(ReplyEnded(1, False, "Hi."))
        await connection.send(ErrorNotice("oh"))

    async def client(server):
        async with connect(f"{server.ws}?script=speaks", proxy=None) as socket:
            _, messages = await close_of(socket)
            assert [message[0] for message in messages] == [1, 3]
        async with connect(f"{server.ws}?script=speaks&events=1", proxy=None) as socket:
            _, messages = await close_of(socket)
            assert [isinstance(message, str) for message in messages] == [True, True, False, True, False]

    beside_another(client, lambda: server_kit.agent(speaks=speaks))


def test_closing_the_server_ends_every_session_with_a_close_frame(server_kit):
    async def scenario():
        async with server_kit.serve(server_kit.agent(one_reply_then_wait)) as server:
            socket = await connect(server.ws, proxy=None)
            await server.agent.until_open(1)
        code, _ = await close_of(socket)
        assert code == 1012
        assert server.agent.open_conversations == 0

    asyncio.run(scenario())
