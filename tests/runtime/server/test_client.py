"""The reference client against the server."""

import asyncio

import pytest

from vivavoce.wire.client import Container, open_client
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import EngineUnavailableError
from vivavoce_api.transport import PlaybackReport, ReplyAudio, ReplyText, UserTranscript


async def said(client, count):
    """The first `count` transcripts that come."""
    texts = []
    async for arrival in client.arrivals():
        assert isinstance(arrival.item, UserTranscript)
        texts.append(arrival.item.text)
        if len(texts) == count:
            return texts


@pytest.mark.parametrize(
    ("container", "packet_ms", "packets_a_page", "expected"),
    [
        (Container.RAW, 20, 1, ["20 ms"] * 10),
        (Container.RAW, 60, 1, ["60 ms"] * 3),
        (Container.OGG, 20, 4, ["14 ms"] + ["20 ms"] * 7),
        (Container.OGG, 80, 1, ["74 ms", "80 ms"]),
    ],
)
def test_speech_arrives_however_it_is_packed(server_kit, container, packet_ms, packets_a_page, expected):
    async def scenario():
        async with (
            server_kit.serve() as server,
            open_client(server.ws, container=container, packet_ms=packet_ms, packets_a_page=packets_a_page) as client,
        ):
            loop = asyncio.get_running_loop()
            begin_s = loop.time()
            await client.speak(AudioChunk.silence(90, 16_000))
            ended_s = await client.speak(AudioChunk.silence(110, 16_000))
            assert ended_s >= begin_s + 0.2
            assert await said(client, len(expected)) == expected

    asyncio.run(scenario())


def test_sound_is_credited_to_its_reply_and_reports_come_back(server_kit):
    async def speaks(connection, parameters):
        for reply_id in (4, 5):
            await connection.send(ReplyText(reply_id, "Hi."))
            await connection.send(ReplyAudio(reply_id, AudioChunk.silence(20, 24_000)))
        async for item in connection.incoming():
            assert isinstance(item, PlaybackReport)
            await connection.send(UserTranscript(f"{item.reply_id}", final=True))

    async def scenario():
        async with (
            server_kit.serve(server_kit.agent(speaks)) as server,
            open_client(f"{server.ws}?vllm_url=x") as client,
        ):
            await client.report_playback(PlaybackReport(5, 12.0))
            arrivals = client.arrivals()
            items = [(await anext(arrivals)).item for _ in range(5)]
            assert [item.reply_id for item in items[:4]] == [4, 4, 5, 5]
            assert items[4] == UserTranscript("5", final=True)
            assert server.agent.parameters == [{"vllm_url": "x"}]

    asyncio.run(scenario())


def test_a_server_that_isnt_there_or_goes_away_is_an_error_in_words(server_kit):
    async def scenario():
        async with server_kit.serve() as server:
            client_context = open_client(server.ws)
            client = await client_context.__aenter__()
        with pytest.raises(EngineUnavailableError, match="1012"):
            await client.speak(AudioChunk.silence(2_000, 16_000))
        assert client.close_code == 1012
        await client_context.__aexit__(None, None, None)
        with pytest.raises(EngineUnavailableError, match="no conversation at"):
            await open_client(server.ws).__aenter__()

    asyncio.run(scenario())
