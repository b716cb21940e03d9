"""A real server for tests, on a free port of loopback, and visitors that speak to it byte by byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

import httpx
from starlette.types import ASGIApp
from websockets.sync.client import ClientConnection, connect

from hil_serl_ros.console.gate import Gate, GateSettings
from hil_serl_ros.console.web import WebServer

TOKEN = "a-token-for-tests"
WAIT = 10.0  # s that a visitor waits for an answer before the test fails


class Place:
    """A running server, as a visitor finds it."""

    def __init__(self, server: WebServer) -> None:
        self._visitors = contextlib.ExitStack()
        self.gate = server.gate
        self.port = server.gate.port
        self.host = f"127.0.0.1:{self.port}"
        self.origin = f"http://{self.host}"

    def browser(self, **headers: str) -> httpx.Client:
        """A visitor with cookies, gone at the end."""
        client = httpx.Client(base_url=self.origin, headers=headers, timeout=WAIT, trust_env=False)
        return self._visitors.enter_context(contextlib.closing(client))

    def close(self) -> None:
        """Let all visitors go."""
        self._visitors.close()

    def socket(self, path: str = "/teleop", origin: str | None = "own", **headers: str) -> ClientConnection:
        """A websocket of a page of ``origin``, gone at the end."""
        opening = connect(
            f"ws://{self.host}{path}",
            origin=self.origin if origin == "own" else origin,  # type: ignore[arg-type]
            additional_headers=headers,
            open_timeout=WAIT,
            close_timeout=WAIT,
            proxy=None,
            max_queue=None,  # what nobody reads must not hold up the end
        )
        return self._visitors.enter_context(opening)

    def wire(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)


@contextlib.contextmanager
def served(app: ASGIApp, settings: GateSettings | None = None) -> Iterator[Place]:
    """``app`` behind a gate, served in a thread until the end of the block."""
    settings = settings or GateSettings(port=0)
    server = WebServer(app, Gate(settings))
    server.start()
    try:
        with contextlib.closing(Place(server)) as place:
            yield place
    finally:
        server.stop()


def trusting(certificate: str) -> ssl.SSLContext:
    """A visitor who knows this certificate."""
    return ssl.create_default_context(cafile=certificate)
