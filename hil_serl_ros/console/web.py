"""An ASGI app behind a gate, served by uvicorn: in the main thread until a signal, or beside a node's executor."""

from __future__ import annotations

import signal
import socket
import threading
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from hil_serl_ros.console.gate import Gate
from hil_serl_ros.console.guard import LARGEST_FRAME, Guard

STOP_WAIT = 5.0  # s until a server that does not end is left to the end of the process


class PortTaken(OSError):
    """Another program listens there; the message is one sentence."""


class WebServer:
    """Serves ``app`` to those whom ``gate`` lets in."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.gate = gate
        settings = gate.settings
        self.uvicorn = _Uvicorn(
            uvicorn.Config(
                Guard(app, gate),
                log_level="warning",
                ws="websockets-sansio",
                ws_max_size=LARGEST_FRAME,
                ws_per_message_deflate=False,  # it costs time, and a small frame may unpack to a large one
                proxy_headers=False,  # else a visitor chooses its address, and with it its count of wrong tokens
                server_header=False,
                timeout_graceful_shutdown=1,
                ssl_certfile=settings.certificate or None,
                ssl_keyfile=settings.key or None,
            )
        )
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve in a thread of its own, which leaves signals to the main thread (rclpy's); return when it answers.

        Raises:
            PortTaken: the port is not free.
        """
        listener = self._listen()
        self._thread = threading.Thread(target=self.uvicorn.run, args=([listener],), name="page", daemon=True)
        self._thread.start()
        self.uvicorn.ready.wait()
        if not self.uvicorn.started:
            raise RuntimeError("the page's server did not start; its reason stands above")

    def stop(self) -> None:
        """End the thread; answers under way get a second. It may be called twice, and before the start."""
        self.uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_WAIT)

    def run(self, title: str) -> None:
        """Serve, say where ``title`` is, and wait in this thread, the main one, until Ctrl-C, SIGTERM, or its own end.

        Raises:
            PortTaken: the port is not free.
        """

        def end(number: int, frame: FrameType | None) -> None:
            self.uvicorn.should_exit = True

        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.start()
            print(f"{title}: open {self.gate.address} (Ctrl-C ends it)", flush=True)
            assert self._thread is not None
            self._thread.join()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _listen(self) -> socket.socket:
        settings = self.gate.settings
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        try:
            listener = socket.create_server((settings.host, settings.port), family=family)
        except OSError as error:
            reason = error.strerror or str(error)
            raise PortTaken(
                f"port {settings.port} of {settings.host} cannot be used ({reason}); choose another port"
            ) from None
        self.gate.port = listener.getsockname()[1]
        if self.gate.warning:
            print(f"warning: {self.gate.warning}", flush=True)
        return listener


class _Uvicorn(uvicorn.Server):
    """Says when it answers, or has failed to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        try:
            super().run(sockets)
        finally:
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        await super().startup(sockets)
        self.ready.set()
