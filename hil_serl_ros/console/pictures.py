"""The cameras' newest pictures to each page, over one websocket a page."""

from __future__ import annotations

import asyncio
import contextlib

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from hil_serl_ros.console.desk import Desk

POLL = 0.015  # s between looks for a newer picture


class Pictures:
    """Websocket ``/pictures``: binary messages, the camera's number (one byte) and its newest JPEG.

    A page answers each picture that it has shown with any text; one that is slow gets fewer of them, never older ones.
    A websocket and no MJPEG: a browser shows a part of that only when the next one begins, and opens no more than six
    such connections to one server, beyond which not even a stop would come through.
    """

    def __init__(self, desk: Desk, cameras: list[str]) -> None:
        self.desk, self.cameras = desk, cameras
        self.watching = 0  # pages that look

    def add_to(self, app: FastAPI) -> None:
        """Add the route."""
        app.add_api_websocket_route("/pictures", self._serve)

    async def _serve(self, socket: WebSocket) -> None:
        await socket.accept()
        # Two for each camera: one on its way and one that is shown.
        free = asyncio.Semaphore(2 * len(self.cameras))
        writer = asyncio.create_task(self._write(socket, free))
        self.watching += 1
        try:
            while True:
                await socket.receive_text()
                free.release()
        except (WebSocketDisconnect, KeyError):  # KeyError: bytes instead of text
            pass
        finally:
            self.watching -= 1
            writer.cancel()

    async def _write(self, socket: WebSocket, free: asyncio.Semaphore) -> None:
        seen = dict.fromkeys(self.cameras, 0)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the reader sees to it
            while True:
                for at, camera in enumerate(self.cameras):
                    number, _ = self.desk.pictures.get(camera, (0, b""))
                    if number != seen[camera]:
                        await free.acquire()
                        seen[camera], jpeg = self.desk.pictures[camera]
                        await socket.send_bytes(bytes([at]) + jpeg)
                await asyncio.sleep(POLL)
