"""Chromium without a window, where it is installed, told what to do by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/ names the methods and events.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.patience import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    "--headless",
    "--no-sandbox",  # it has none for root, and shows pages of ours only
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

START = 3 * PATIENCE
"""Seconds for a browser to start: two hundred megabytes are read from the disk."""

Document = dict[str, Any]


def require() -> str:
    """The program's path; the test is skipped where there is none."""
    for name in NAMES:
        if (program := shutil.which(name)) is not None:
            return program
    pytest.skip("Chromium is not installed")


class Chromium:
    """A browser of its own; leaving the context ends it.

    Args:
        directory: Empty; gets its profile.
    """

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [require(), *FLAGS, f"--user-data-dir={directory}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8"},
        )
        self._said: list[str] = []
        self._address: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            if line.startswith("DevTools listening on "):
                self._address.put(line.split()[-1])
        self._address.put(None)

    def __enter__(self) -> Self:
        try:
            address = self._address.get(timeout=START)
            assert address is not None, "".join(self._said)
            self._open = connect(address, max_size=None, proxy=None, open_timeout=START)
            self._connection = Connection(self._open.__enter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, traceback)
        self._connection.join()
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def page(self, url: str, width: int = 1280, height: int = 900, theme: str = "light") -> Page:
        """Open a page, in a tab that shares nothing with others, and wait until it is loaded."""
        connection = self._connection
        context = connection.call("Target.createBrowserContext")["browserContextId"]
        target = connection.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = connection.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = Page(connection, attached["sessionId"], context)
        page.resize(width, height)
        page.theme(theme)
        page.visit(url)
        return page


class Connection:
    """Carries calls to the browser, and what it tells."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._news = threading.Condition()
        self._answers: dict[int, Document] = {}
        self._ended = False
        self.events: list[Document] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            for message in self._socket:
                document = json.loads(message)
                with self._news:
                    if "id" in document:
                        self._answers[document["id"]] = document
                    else:
                        self.events.append(document)
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        finally:
            with self._news:
                self._ended = True
                self._news.notify_all()

    def call(self, method: str, session: str | None = None, **parameters: object) -> Document:
        """Have something done; gives what is answered."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        with self._news:
            # Longer than what is waited for in a page.
            arrived = self._news.wait_for(
                lambda: number in self._answers or self._ended, 2 * PATIENCE
            )
            assert arrived, f"{method} is not answered"
            assert number in self._answers, "the browser has ended"
            answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: Document = answer["result"]
        return result

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until what the browser has told meets a condition."""
        with self._news:
            assert self._news.wait_for(condition, START), f"{what} takes too long"

    def join(self) -> None:
        """Wait for the end of the conversation."""
        self._reader.join(PATIENCE)


class Page:
    """A tab; leaving the context closes it."""

    def __init__(self, connection: Connection, session: str, context: str) -> None:
        self._connection = connection
        self._session = session
        self._context = context
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.call("Target.disposeBrowserContext", browserContextId=self._context)

    def call(self, method: str, **parameters: object) -> Document:
        """Have something done with this tab."""
        return self._connection.call(method, self._session, **parameters)

    def visit(self, url: str) -> None:
        """Load a page, and wait until it is there."""
        before = len(self.events("Page.loadEventFired"))
        reply = self.call("Page.navigate", url=url)
        assert "errorText" not in reply, f"{url}: {reply['errorText']}"
        self._connection.wait_until(
            lambda: len(self.events("Page.loadEventFired")) > before, f"loading {url}"
        )

    def resize(self, width: int, height: int) -> None:
        """Give the page so many pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def theme(self, name: str) -> None:
        """Prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page says
        """Give the value of an expression, once it has one if it is a promise."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            # Debugging is not subject to the page's policy, or it could not look at the page.
            allowUnsafeEvalBlockedByCSP=True,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def until(self, expression: str, what: str, patience: float = PATIENCE) -> Any:  # noqa: ANN401
        """Wait until an expression is true in the page, and give its value."""
        waiting = f"""new Promise((resolve) => {{
            const end = performance.now() + {1000 * patience};
            const look = () => {{
                const value = {expression};
                if (value || performance.now() > end) resolve(value);
                else setTimeout(look, 20);
            }};
            look();
        }})"""
        value = self.evaluate(waiting)
        assert value, f"{what} did not happen within {patience:g} s: {self.evaluate(SHOWN)}"
        return value

    def text(self, selector: str) -> str:
        """What stands in the first element that a selector finds."""
        value: str = self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        # Numbers and units are kept together by spaces that do not break.
        return value.replace("\u00a0", " ")

    def press(self, key: str) -> None:
        """Press and release a key where the focus is."""
        for kind in ("keyDown", "keyUp"):
            extra = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            code = {"Enter": 13, "Tab": 9, " ": 32}.get(key, 0)
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **extra,
            )

    def type(self, text: str) -> None:
        """Enter text where the focus is."""
        self.call("Input.insertText", text=text)

    def events(self, method: str) -> list[Mapping[str, Any]]:
        """What was told of this tab so far under a name."""
        return [
            event["params"]
            for event in list(self._connection.events)
            if event["method"] == method and event.get("sessionId") == self._session
        ]

    def complaints(self) -> list[str]:
        """Errors and warnings of the console so far, uncaught exceptions, and policy violations."""
        exceptions = [
            str(each["exceptionDetails"].get("exception", {}).get("description"))
            for each in self.events("Runtime.exceptionThrown")
        ]
        said = [
            str(each["args"])
            for each in self.events("Runtime.consoleAPICalled")
            if each["type"] in {"error", "warning", "assert"}
        ]
        logged = [
            f"{each['entry']['source']}: {each['entry']['text']}"
            for each in self.events("Log.entryAdded")
            if each["entry"]["level"] in {"error", "warning"}
        ]
        return exceptions + said + logged

    def requested(self) -> list[str]:
        """Every address that was asked for so far."""
        return [each["request"]["url"] for each in self.events("Network.requestWillBeSent")]

    def sent(self) -> list[dict[str, str]]:
        """The header fields of every request so far, by names in lower case."""
        return [
            {name.lower(): value for name, value in each["headers"].items()}
            for each in self.events("Network.requestWillBeSentExtraInfo")
        ]

    def screenshot(self, height: int | None = None) -> bytes:
        """A picture (PNG) of the whole page, or of so many pixels from its top."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
        shot = self.call(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip=clip | {"scale": 1},
        )
        return base64.b64decode(shot["data"])


SHOWN = "document.body.innerText.slice(0, 2000)"
