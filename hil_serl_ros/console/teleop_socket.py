"""The page's hands: websocket ``/teleop`` from a browser's keys and gamepad to teleop actions, and POST ``/stop``.

A browser speaks :class:`~hil_serl_ros.console.page_message.PageMessage` (see static/teleop.js): on every change at
once, and as a heartbeat while it has the seat. It hears ``welcome`` (its session), ``seat`` (who drives), ``echo`` and
``refused`` (a sentence). A message with another session, an old number, or no message at all closes its socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect
from rclpy.impl.implementation_singleton import rclpy_implementation
from starlette.staticfiles import StaticFiles

from hil_serl_ros.console.page_hands import PageHands
from hil_serl_ros.console.page_message import MalformedError, PageMessage, parse
from hil_serl_ros.console.seat import Seat
from hil_serl_ros.env.hands import EVENTS, own_name
from hil_serl_ros.env.keys import KNOWN, LABELS, LEAVE
from hil_serl_ros.msg import TeleopAction

ONLOOKER = "page without the seat"  # its stop must not speak for the hands of the page that drives
STATIC = Path(__file__).parent / "static"
MOST_PAGES = 32
OUTBOX = 100  # words that a page may be behind before it is let go
POLICY_VIOLATION, TRY_LATER = 1008, 1013  # close codes of RFC 6455
PRESSES = {**EVENTS, "resume": TeleopAction.EVENT_RESUME}
CODES = {
    "keys": sorted(KNOWN),
    "stop_keys": [code for code, label in LABELS.items() if label == "stop"],
    "leave": LEAVE,
}


class RefusedError(Exception):
    """A message that no page of ours sends; the text is the key of its count."""


@dataclass
class _Page:
    """One open page."""

    name: str
    hands: PageHands
    session: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    number: int = -1  # of its last message
    driving: bool = False
    complaint: str = ""  # about its gamepad, told once
    outbox: asyncio.Queue[dict[str, Any]] = field(default_factory=lambda: asyncio.Queue(OUTBOX))

    def tell(self, word: dict[str, Any]) -> None:
        """Say ``word`` when it can be said; a page that is too far behind misses it."""
        with contextlib.suppress(asyncio.QueueFull):
            self.outbox.put_nowait(word)


class TeleopSocket:
    """Websocket ``/teleop`` and POST ``/stop`` of one console.

    Args:
        publish: takes each action to topic ``teleop``; called in the server's thread, must not block.
        seat: who drives.
        stamp: the ROS time of an action.
        clock: s, monotonic.
    """

    def __init__(
        self,
        publish: Callable[[TeleopAction], None],
        seat: Seat,
        stamp: Callable[[], Time],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publish, self.seat, self.stamp, self.clock = publish, seat, stamp, clock
        self.source = own_name("page")
        self.paused = False  # as the actor says, for the button that pauses and resumes
        self.counts: Counter[str] = Counter()  # refused messages by reason: forged, replayed, malformed
        self._pages: dict[str, _Page] = {}
        self._numbers = itertools.count(1)
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pages(self) -> int:
        """Open pages."""
        return len(self._pages)

    def add_to(self, app: FastAPI) -> None:
        """Add the routes: websocket ``/teleop``, POST ``/stop``, and the files under ``/static``."""
        app.add_api_websocket_route("/teleop", self._serve)
        app.add_api_route("/stop", self._stop, methods=["POST"])
        app.mount("/static", _Fresh(directory=STATIC))

    async def _stop(self) -> Response:
        """The emergency stop without a socket."""
        self._event("stop", mine=False)
        return Response("stopped\n", media_type="text/plain")

    # -------------------- one page --------------------
    async def _serve(self, socket: WebSocket) -> None:
        await socket.accept()
        if len(self._pages) >= MOST_PAGES:
            await socket.close(TRY_LATER, f"{MOST_PAGES} pages are open already")
            return
        where = socket.client.host if socket.client else "somewhere"
        page = _Page(f"page {next(self._numbers)} ({where})", PageHands(self.source))
        self._pages[page.session] = page
        writer = asyncio.create_task(_write(socket, page))
        page.tell({"kind": "welcome", "session": page.session, "name": page.name, **CODES})
        self._tell_seat()
        try:
            while True:
                self._take(page, parse(await _text(socket)))
        except MalformedError:
            await self._refuse(socket, page, "malformed")
        except RefusedError as error:
            await self._refuse(socket, page, str(error))
        except WebSocketDisconnect:
            pass
        finally:
            writer.cancel()
            del self._pages[page.session]
            self._gone(page)

    async def _refuse(self, socket: WebSocket, page: _Page, reason: str) -> None:
        self.counts[reason] += 1
        self._gone(page)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it may be gone already
            await socket.close(POLICY_VIOLATION, f"{reason} message")

    def _take(self, page: _Page, message: PageMessage) -> None:
        """Do what one message asks for.

        Raises:
            RefusedError: it is not this page's next message.
        """
        if not secrets.compare_digest(message.session.encode("utf-8", "replace"), page.session.encode()):
            raise RefusedError("forged")
        if message.number <= page.number:
            raise RefusedError("replayed")
        page.number = message.number
        if message.seat == "take":
            self._sit(page)
        if self.seat.has(page.session):
            self._drive(page, message)
        elif page.hands.stops(message):
            self._event("stop", mine=False)
        for name in message.pressed:
            self._press(page, name)
        if message.seat == "leave":
            self._leave(page)
        if message.sent is not None:
            page.tell({"kind": "echo", "sent": message.sent})

    def _sit(self, page: _Page) -> None:
        holder = self.seat.holder
        if self.seat.take(page.session, page.name, self.clock()):
            if self._watcher is None or self._watcher.done():
                self._watcher = asyncio.create_task(self._watch())
        elif holder is not None:
            age = self.clock() - holder.since
            page.tell(
                {"kind": "refused", "why": f"{holder.name} has had the seat for {age:.0f} s; it must leave first"}
            )
        self._tell_seat()

    def _drive(self, page: _Page, message: PageMessage) -> None:
        """The words of the page in the seat; one that nobody looks at, or whose gamepad was pulled, drives nothing."""
        for word in page.hands.words(message, self.stamp(), self.paused):
            self._say(word)
        driving = page.hands.last is not None and page.hands.last.intervening
        self.seat.hear(page.session, driving, self.clock())
        if driving != page.driving:
            page.driving = driving
            self._tell_seat()
        if page.hands.complaint != page.complaint:
            page.complaint = page.hands.complaint
            if page.complaint:
                page.tell({"kind": "refused", "why": page.complaint})

    def _press(self, page: _Page, name: str) -> None:
        mine = self.seat.has(page.session)
        if mine or name == "stop":
            self._event(name, mine=mine, word=page.hands.last)
        else:
            page.tell({"kind": "refused", "why": f"{name}: only the page in the seat may; take the seat first"})

    def _event(self, name: str, *, mine: bool, word: TeleopAction | None = None) -> None:
        """Publish a press; the hands go on with what they do."""
        action = TeleopAction(source=self.source if mine else ONLOOKER)
        if mine and word is not None:
            action.connected, action.intervening = word.connected, word.intervening
            action.motion, action.gripper = word.motion, word.gripper
        else:
            action.gripper = TeleopAction.GRIPPER_KEEP
        action.header.stamp = self.stamp()
        action.event = PRESSES[name]
        self._say(action)

    def _say(self, action: TeleopAction) -> None:
        try:
            self._publish(action)
        except rclpy_implementation.RCLError:
            # A signal ends the context at once, the pages a moment later: the actor knows by the silence.
            if rclpy.ok():
                raise

    # -------------------- the seat --------------------
    def _leave(self, page: _Page) -> None:
        """The person hands back, then gets up."""
        if not self.seat.has(page.session):
            return
        self._say(page.hands.release(self.stamp()))
        self._gone(page)

    def _gone(self, page: _Page) -> None:
        """The page is away: at once, whatever it did."""
        page.driving = False
        if self.seat.leave(page.session):
            self._say(page.hands.lose(self.stamp()))
        self._tell_seat()

    async def _watch(self) -> None:
        """Free the seat of a page that fell silent."""
        while (deadline := self.seat.deadline()) is not None:
            # Who begins to drive has a nearer deadline than the one slept for.
            await asyncio.sleep(min(max(deadline - self.clock(), 0) + 0.001, self.seat.driving_silence / 4))
            for _ in range(4):
                await asyncio.sleep(0)  # this loop may have been the slow one: hear what waits first
            lost = self.seat.lost(self.clock())
            if lost is not None and (page := self._pages.get(lost.page)) is not None:
                page.driving = False
                self._say(page.hands.lose(self.stamp()))
                page.tell({"kind": "refused", "why": "this page was silent for too long and lost the seat"})
                self._tell_seat()

    def _tell_seat(self) -> None:
        holder = self.seat.holder
        word = {"kind": "seat", "holder": "", "age": 0.0, "driving": False, "pages": len(self._pages)}
        if holder is not None:
            word |= {"holder": holder.name, "age": self.clock() - holder.since, "driving": self.seat.driving}
        for page in self._pages.values():
            page.tell(word | {"mine": self.seat.has(page.session)})


async def _text(socket: WebSocket) -> str:
    try:
        return await socket.receive_text()
    except KeyError:
        raise MalformedError("bytes instead of text") from None


async def _write(socket: WebSocket, page: _Page) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the reader sees to it
        while True:
            await socket.send_json(await page.outbox.get())


class _Fresh(StaticFiles):
    """Files that a browser asks for anew, so that no page runs an old one."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Any, status_code: int = 200
    ) -> Response:
        """As Starlette's."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response
