"""The operator's page: what the robot sees, who drives, how it goes, and a button for all that a person may ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

from fastapi import FastAPI, Response
from nicegui import ui

from hil_serl_ros.console.desk import HOLDING, PERSON, POLICY, STOPPED, Desk
from hil_serl_ros.console.figures_panel import CurvesPanel, FiguresPanel
from hil_serl_ros.console.history_panel import HistoryPanel
from hil_serl_ros.console.pictures import Pictures
from hil_serl_ros.console.seat import Seat
from hil_serl_ros.console.serving import dress
from hil_serl_ros.env.keys import HELP
from hil_serl_ros.msg import ActorStatus

REFRESH = 0.1  # s
PATIENCE = 5.0  # s that a service has to answer
WORDS = {POLICY: "POLICY DRIVES", PERSON: "PERSON DRIVES", HOLDING: "HOLDING", STOPPED: "STOPPED"}
HEAD = (
    '<link rel="stylesheet" href="/static/page.css">'
    '<script src="/static/teleop.js"></script><script src="/static/page.js"></script>'
)
LABELS = (
    ("success", "Success", "positive"),
    ("failure", "Failure", "grey-8"),
    ("again", "Again", "grey-8"),
    ("pause", "Pause", "grey-8"),
    ("resume", "Resume", "grey-8"),
    ("reset", "Reset", "grey-8"),
    ("demonstrate", "One demonstration", "grey-8"),
)
MODES = (  # words, mode, whether it takes a number of episodes
    ("Demonstrate", ActorStatus.MODE_DEMONSTRATE, True),
    ("Evaluate", ActorStatus.MODE_EVALUATE, True),
    ("Train", ActorStatus.MODE_TRAIN, False),
    ("Free drive", ActorStatus.MODE_DRIVE, False),
    ("Idle", ActorStatus.MODE_IDLE, False),
)


class Ask(Protocol):
    """Calls a service of the graph; ``done`` hears why it was refused, or "", in any thread."""

    def __call__(self, name: str, done: Callable[[str], None], **request: Any) -> None: ...


class OperatorPage:
    """The page of one graph; ``ask`` calls its services for whoever has the ``seat``."""

    def __init__(self, desk: Desk, cameras: list[str], ask: Ask, seat: Seat) -> None:
        self.desk, self.cameras, self.ask, self.seat = desk, cameras, ask, seat
        self.pictures = Pictures(desk, cameras)

    def add_to(self, app: FastAPI) -> None:
        """Serve the cameras' pictures, those of now and those of the films."""
        self.pictures.add_to(app)
        app.add_api_route("/film/{serial}/{camera}/{frame}.jpg", self._film)

    async def _film(self, serial: int, camera: str, frame: int) -> Response:
        episode = self.desk.episode(serial)
        frames = episode.films.get(camera, []) if episode is not None else []
        if not 0 <= frame < len(frames):
            return Response(status_code=404)
        return Response(frames[frame], media_type="image/jpeg", headers={"cache-control": "no-store"})

    def show(self) -> None:
        """Make the page, once for each visitor."""
        View(self)


class View:
    """The page as one visitor sees it; only what changed is sent."""

    def __init__(self, page: OperatorPage) -> None:
        self.page, self.desk = page, page.desk
        self.session = ""  # of this visitor's hands; only they and the seat know it
        self.called = False
        dress()
        ui.add_head_html(HEAD)
        ui.on("seat", self._on_seat)
        with ui.column().classes("top"):
            self._head()
            with ui.element("div") as self.band:
                self.who = ui.label().classes("word")
                self.why = ui.label().classes("why")
                self.next = ui.label().classes("next")
            self.call = ui.label().classes("call")
        with ui.element("div").classes("rooms"):
            with ui.element("div").classes("left"):
                self._cameras()
                with ui.element("div").classes("panel"):
                    self._seat()
                    self._modes()
                self.history = HistoryPanel(self.desk, page.cameras, self._replay)
            with ui.element("div").classes("right"):
                self.figures = FiguresPanel(self.desk)
                self.curves = CurvesPanel(self.desk)
                self._keys()
        ui.timer(REFRESH, self.refresh)
        self.refresh()

    def _on_seat(self, event: Any) -> None:
        self.session = str(event.args.get("session")) if isinstance(event.args, dict) else ""

    # -------------------- parts --------------------
    def _head(self) -> None:
        with ui.element("div").classes("bar head"):
            ui.label("hil_serl_ros").classes("name")
            self.mode = ui.label().classes("mode")
            with (
                ui.button("STOP", color="negative")
                .classes("stop")
                .props("unelevated")
                .on("click", js_handler="() => teleop.press('stop')")
            ):
                ui.tooltip("emergency stop: from every page, key S, or the gamepad's stop button")

    def _cameras(self) -> None:
        with ui.element("div").classes("panel"):
            if not self.page.cameras:
                ui.label("No camera is shown: name them in the node's parameter `cameras`.").classes("dim")
            with ui.element("div").classes("cameras"):
                for at, camera in enumerate(self.page.cameras):
                    with ui.element("figure").props(f'data-camera="{at}" data-name="{camera}"'):
                        ui.element("img").props(f'alt="camera {camera}"')
                        ui.element("figcaption")

    def _seat(self) -> None:
        with ui.element("div").classes("buttons"):
            ui.button("Take the seat").classes("take").props("unelevated no-caps").on(
                "click", js_handler="() => teleop.takeSeat()"
            )
            ui.button("Leave it").classes("leave").props("flat no-caps").on(
                "click", js_handler="() => teleop.leaveSeat()"
            )
            ui.html(
                '<span id="seat-words">Connecting to the console.</span> <span id="pad-words" class="dim"></span>'
                '<div id="refused" role="alert"></div>',
                sanitize=False,
            )
        with ui.element("div").classes("buttons seated"):
            for name, words, colour in LABELS:
                ui.button(words, color=colour).props("unelevated no-caps").on(
                    "click", js_handler=f"() => teleop.press('{name}')"
                )

    def _modes(self) -> None:
        with ui.element("div").classes("buttons seated"):
            count = ui.number("episodes", value=10, min=1, max=1000, step=1, format="%d")
            count.props("dense outlined").classes("w-20")
            for words, mode, counted in MODES:
                ui.button(
                    words, on_click=lambda mode=mode, counted=counted: self._mode(mode, count.value if counted else 0)
                ).props("unelevated no-caps")
        with ui.element("div").classes("buttons seated"):
            self.clear = ui.button("Clear stop", color="warning", on_click=lambda: self._ask("clear_stop"))
            self.arm = ui.button("Arm", color="positive", on_click=lambda: self._ask("arm", data=True))
            self.disarm = ui.button("Disarm", color="grey-8", on_click=lambda: self._ask("arm", data=False))
            for button in (self.clear, self.arm, self.disarm):
                button.props("unelevated no-caps")

    def _keys(self) -> None:
        with ui.element("div").classes("panel keys"):
            for key, words in HELP:
                ui.label(key).classes("key")
                ui.label(words)
            ui.label("Directions are the robot's own: forward is away from its base.").classes("dim note")

    # -------------------- asking --------------------
    def _mode(self, mode: int, episodes: float | None) -> None:
        self._ask("set_mode", mode=mode, episodes=int(episodes or 0))

    def _replay(self, episode: int) -> None:
        self._ask("set_mode", mode=ActorStatus.MODE_REPLAY, episode=episode)

    def _ask(self, name: str, **request: Any) -> None:
        """Call a service and tell the visitor what came of it."""
        if not self.page.seat.has(self.session):
            ui.notify("Take the seat first: another page may be driving.", type="warning")
            return
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def take(why: str) -> None:
            if not answer.done():
                answer.set_result(why)

        def done(why: str) -> None:
            with contextlib.suppress(RuntimeError):  # the page's server has ended
                loop.call_soon_threadsafe(take, why)

        async def tell() -> None:
            try:
                why = await asyncio.wait_for(answer, PATIENCE)
            except TimeoutError:
                why = f"{name} was not answered within {PATIENCE:.0f} s"
            if why:
                ui.notify(why, type="negative")

        self.page.ask(name, done, **request)
        ui.timer(0.0, tell, once=True)

    # -------------------- showing --------------------
    def refresh(self) -> None:
        """Show the desk."""
        desk = self.desk
        who, why = desk.driving()
        self.band.classes(replace=f"band {who}")
        self.who.set_text(WORDS[who])
        self.why.set_text(why)
        self.next.set_text(desk.advice())
        actor, policy = desk.actor, desk.policy
        words = "the actor is not there yet"
        if actor.mode:
            words = actor.mode if actor.mode == "idle" else f"{actor.mode} · episode {actor.episode}, step {desk.step}"
        self.mode.set_text(words)
        safety = desk.safety
        self.clear.set_enabled(safety.stopped)
        self.arm.set_enabled(not safety.stopped and not safety.armed)
        self.disarm.set_enabled(safety.armed)
        # A short hold of a loaded machine takes no call back; somebody who drives has come.
        called = policy.called and actor.mode == "train" and not actor.paused and who in (POLICY, HOLDING)
        self.call.set_visibility(called)
        self.call.set_text(f"The policy asks for help: {policy.reason}")
        if called and not self.called:
            ui.run_javascript("window.call()")
        self.called = called
        self.figures.refresh()
        self.curves.refresh()
        self.history.refresh()
