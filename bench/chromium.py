"""A real browser without a window, driven over the DevTools protocol: for measurements and tests, no dependency more.

Its profile is an empty folder, and it is told to fetch nothing by itself.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--mute-audio",
    "--remote-debugging-port=0",
)
WAIT = 30.0  # s for the browser to do anything at all
KEYS = {  # code: (key, Windows' virtual code)
    "ArrowUp": ("ArrowUp", 38), "ArrowDown": ("ArrowDown", 40), "ArrowLeft": ("ArrowLeft", 37),
    "ArrowRight": ("ArrowRight", 39), "ShiftLeft": ("Shift", 16), "ShiftRight": ("Shift", 16),
    "ControlLeft": ("Control", 17), "ControlRight": ("Control", 17), "Enter": ("Enter", 13),
    "Backspace": ("Backspace", 8), "Space": (" ", 32), "Escape": ("Escape", 27),
}  # fmt: skip


def program() -> str | None:
    """The browser's path, None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")


class Tab:
    """One page."""

    def __init__(self, address: str) -> None:
        self.end = contextlib.ExitStack()
        opening = connect(address, max_size=None, proxy=None, open_timeout=WAIT)
        self._socket: ClientConnection = self.end.enter_context(opening)
        self._numbers = itertools.count(1)
        self.do("Page.enable")
        self.focus(True)

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result.

        Raises:
            RuntimeError: the browser refused it.
        """
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            word = json.loads(self._socket.recv(WAIT))
            if word.get("id") == number:
                if "error" in word:
                    raise RuntimeError(f"{method}: {word['error']['message']}")
                return word["result"]

    def open(self, address: str) -> None:
        """Go to ``address`` and wait until it is loaded."""
        self.do("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, a promise's once it is kept.

        Raises:
            RuntimeError: it failed in the page.
        """
        result = self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", expression))
        return result["result"].get("value")

    def until(self, expression: str, seconds: float = WAIT) -> None:
        """Wait until the expression is true in the page.

        Raises:
            TimeoutError: it did not become so.
        """
        end = time.monotonic() + seconds
        while not self.ask(f"Boolean({expression})"):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {expression}")
            self.ask("new Promise((done) => setTimeout(done, 20))")

    def key(self, code: str, down: bool, text: str = "") -> None:
        """Press or release a key on the page, as a keyboard does."""
        name, number = KEYS.get(code, (text, ord(text.upper()) if text else 0))
        parameters = {"code": code, "key": name, "windowsVirtualKeyCode": number}
        parameters |= {"text": text} if text and down else {}
        self.do("Input.dispatchKeyEvent", type="keyDown" if down else "keyUp", **parameters)

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        x, y = self.ask(
            f"(() => {{ const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def focus(self, on: bool) -> None:
        """Whether the page believes that a person looks at it."""
        self.do("Emulation.setFocusEmulationEnabled", enabled=on)

    def screenshot(self, file: Path, width: int = 1440, height: int = 900) -> None:
        """Write what is seen, in pixels of a window of this size, as PNG."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        file.write_bytes(base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """Close the page."""
        self.do("Page.close")
        self.end.close()


class Chromium:
    """The browser; use it in a ``with``."""

    def __init__(self, *flags: str) -> None:
        self._flags = flags
        self._tabs: list[Tab] = []

    def __enter__(self) -> Self:
        path = program()
        if path is None:
            raise FileNotFoundError("no Chromium is installed")
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        home = self._folder.name
        self._process = subprocess.Popen(
            [path, *FLAGS, *self._flags, f"--user-data-dir={home}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._port = int(_wait(lambda: _first_line(Path(home) / "DevToolsActivePort")))
        return self

    def tab(self, address: str = "about:blank") -> Tab:
        """A new page, at ``address``."""
        version = json.loads(_get(self._port, "/json/version"))
        with connect(version["webSocketDebuggerUrl"], proxy=None, open_timeout=WAIT) as browser:
            # A window of its own: a second page in one window hides the first.
            where = {"url": "about:blank", "newWindow": True}
            browser.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": where}))
            target = json.loads(browser.recv(WAIT))["result"]["targetId"]
        tab = Tab(f"ws://127.0.0.1:{self._port}/devtools/page/{target}")
        self._tabs.append(tab)
        if address != "about:blank":
            tab.open(address)
        return tab

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.send_signal(signal.SIGKILL)

    def __exit__(self, *_: object) -> None:
        for tab in self._tabs:
            tab.end.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._folder.cleanup()


def _get(port: int, path: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=WAIT) as answer:
        return answer.read().decode()


def _first_line(file: Path) -> str:
    lines = file.read_text().splitlines() if file.exists() else []
    return lines[0] if len(lines) > 1 else ""


def _wait(ask: Callable[[], str]) -> str:
    end = time.monotonic() + WAIT
    while not (answer := ask()):
        if time.monotonic() > end:
            raise TimeoutError(f"the browser did not start within {WAIT} s")
        time.sleep(0.05)
    return answer
