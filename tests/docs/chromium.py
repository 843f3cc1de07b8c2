"""Drive a headless Chromium through its DevTools protocol."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STARTUP_TIMEOUT = 30.0
"""Seconds. Starting takes one or two, and more on a busy machine."""


class Page:
    """One page of the browser. ``problems`` has the errors and warnings of its console, and failed requests."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, count(1)
        self.problems: list[str] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result; note the events that arrive meanwhile."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = json.loads(await self._socket.receive_str(timeout=STARTUP_TIMEOUT))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message.get("method"), message.get("params", {}))

    async def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def wait_for(self, condition: str) -> Any:
        """Return the value of an expression as soon as it is true."""
        for _ in range(200):
            with suppress(RuntimeError):  # the page is being replaced
                if value := await self.run(condition):
                    return value
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{condition} did not become true")

    async def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        await self.call("Page.navigate", url=url)
        await self.wait_for(f"location.href.startsWith({url!r}) && document.readyState == 'complete'")

    def _note(self, method: str | None, event: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(event["exceptionDetails"].get("exception", event)))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.problems.append(str(event["args"]))


@asynccontextmanager
async def chromium_page(folder: Path) -> AsyncIterator[Page]:
    """Start a browser with its profile in a folder, and open a page in it."""
    assert EXECUTABLE
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    arguments += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "--window-size=1300,900"]
    silent = asyncio.subprocess.DEVNULL
    browser = await asyncio.create_subprocess_exec(EXECUTABLE, *arguments, stdout=silent, stderr=silent)
    try:
        port = await _debugging_port(folder / "DevToolsActivePort")
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                targets = await response.json()
            address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await page.call(f"{domain}.enable")
                yield page
    finally:
        browser.terminate()
        await browser.wait()


async def _debugging_port(file: Path) -> int:
    deadline = asyncio.get_running_loop().time() + STARTUP_TIMEOUT
    while asyncio.get_running_loop().time() < deadline:
        if text := await asyncio.to_thread(_read, file):
            return int(text.split()[0])
        await asyncio.sleep(0.05)
    raise TimeoutError("Chromium did not start")


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
