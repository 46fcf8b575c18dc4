"""The page in a real browser, its fake microphone beeping, against a fake agent.

Needs Chromium: `apt-get install chromium`, then `pytest -m browser`.
"""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect

from vivavoce_api.audio import AudioChunk
from vivavoce_api.transport import (
    ErrorNotice,
    PlaybackReport,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    TurnLatency,
    UserTranscript,
)

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-port=0",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

WHEN = """new Promise((done) => {
  const look = () => { if (CONDITION) { watch.disconnect(); done(true); } };
  const watch = new MutationObserver(look);
  watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  look();
})"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


class Page:
    """A tab, driven over the DevTools protocol."""

    def __init__(self, socket):
        self._socket = socket
        self._ids = count(1)

    async def call(self, method, **parameters):
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(await self._socket.recv())).get("id") != number:
            pass
        return answer["result"]

    async def evaluate(self, script):
        """The script's value, a promise's once it is kept. Counts as a user's gesture."""
        answer = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, condition):
        """Wait until a JavaScript expression holds; the browser looks again at each change of the page."""
        await self.evaluate(WHEN.replace("CONDITION", condition))


@asynccontextmanager
async def open_page(folder: Path, address: str):
    """A browser with one tab at `address`."""
    browser = await asyncio.create_subprocess_exec(
        str(CHROMIUM), *FLAGS, f"--user-data-dir={folder}", "about:blank", stderr=asyncio.subprocess.PIPE
    )
    assert browser.stderr is not None
    try:
        while b"DevTools listening" not in (line := await browser.stderr.readline()):
            assert line, "Chromium ended before it listened"
        port = line.decode().split("ws://")[1].split("/")[0]
        tabs = json.loads(await asyncio.to_thread(lambda: urlopen(f"http://{port}/json").read()))
        tab = next(tab for tab in tabs if tab["type"] == "page")
        async with connect(tab["webSocketDebuggerUrl"], proxy=None, max_size=None) as socket:
            page = Page(socket)
            await page.call("Page.enable")
            await page.call("Page.navigate", url=address)
            await page.until("document.readyState === 'complete' && location.href !== 'about:blank'")
            yield page
    finally:
        browser.terminate()
        await browser.communicate()


class Conversation:
    """The agent's side: notes what the page sends, answers once sound comes."""

    def __init__(self):
        self.heard_ms = 0.0
        self.reports = []
        self.cut_off = asyncio.Event()

    async def __call__(self, connection, parameters):
        async with asyncio.TaskGroup() as group:
            heard = asyncio.Event()
            reported = asyncio.Event()
            group.create_task(self._listen(connection, heard, reported))
            await heard.wait()
            await connection.send(UserTranscript("I sleep badly.", final=True))
            await connection.send(TurnLatency(1, 187.0, {"transcript": 45.0, "first_sound": 187.0}))
            await connection.send(ReplyText(1, "That sounds tiring."))
            await connection.send(ReplyAudio(1, AudioChunk.silence(5_000, 24_000)))
            await reported.wait()
            await connection.send(ReplyEnded(1, True, "That sounds"))
            await connection.send(ErrorNotice("The model is slow today."))
            self.cut_off.set()

    async def _listen(self, connection, heard, reported):
        async for item in connection.incoming():
            if isinstance(item, PlaybackReport):
                self.reports.append(item)
                reported.set()
            else:
                self.heard_ms += item.duration_ms
                if self.heard_ms > 500:
                    heard.set()


def test_a_conversation_in_the_browser(server_kit, tmp_path):
    conversation = Conversation()

    async def scenario():
        async with (
            asyncio.timeout(60),
            server_kit.serve(server_kit.agent(conversation)) as server,
            open_page(tmp_path, server.http + "/") as page,
        ):
            await page.until("document.getElementById('agent').textContent === 'fake'")
            await page.evaluate("document.getElementById('talk').click()")
            await page.until("!document.getElementById('error').hidden")
            await page.until("document.getElementById('talk').dataset.state === 'listening'")
            text = await page.evaluate("document.body.innerText")
            await page.evaluate("document.getElementById('talk').click()")
            await page.until("document.getElementById('talk').dataset.state === 'idle'")
            await server.agent.until_open(0)
            return text

    text = asyncio.run(scenario())
    assert "I sleep badly." in text
    assert "That sounds …" in text
    assert "interrupted" in text
    assert "187 ms" in text
    assert "The model is slow today." in text
    assert conversation.reports[0].reply_id == 1
    assert 0 <= conversation.reports[0].played_ms < 5_000
    assert max(report.played_ms for report in conversation.reports) < 5_000
