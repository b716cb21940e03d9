"""The last episodes as a table, and the film of one of them."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from hil_serl_ros.console.desk import KEPT_EPISODES, Desk, Episode

COLUMNS = ("mode", "number", "result", "steps", "person's", "return")
TICK = 0.1  # s of a frame


class HistoryPanel:
    """A table of the newest episodes; a click shows the film, a button lets the robot do it again."""

    def __init__(self, desk: Desk, cameras: list[str], replay: Callable[[int], None]) -> None:
        self.desk, self.replay = desk, replay
        self.shown: Episode | None = None
        self._listed = -1
        columns = [{"name": name, "label": name, "field": name, "align": "left"} for name in COLUMNS]
        with ui.element("div").classes("panel"):
            ui.label("Episodes: click one to see it").classes("title")
            self.table = ui.table(columns=columns, rows=[], row_key="serial", pagination=6).classes("w-full")
            self.table.props('dense flat no-data-label="none yet" :rows-per-page-options="[6]"')
            self.table.on("rowClick", lambda event: self.open(int(event.args[1]["serial"])), [[], ["serial"], None])
            with ui.element("div") as self.player:
                with ui.element("div").classes("player"):
                    self.title = ui.label()
                    self.play = ui.button("Play", on_click=self._toggle).props("flat no-caps dense")
                    self.slider = ui.slider(min=0, max=1, value=0, on_change=self._picture)
                    ui.button("Robot: do it again", on_click=self._again).props("flat no-caps dense")
                with ui.element("div").classes("cameras"):
                    self.pictures = {}
                    for camera in cameras:
                        with ui.element("figure"):
                            self.pictures[camera] = ui.element("img").props(f'alt="{camera}"')
        self.timer = ui.timer(TICK, self._tick, active=False)
        self.player.set_visibility(False)

    def refresh(self) -> None:
        """List the newest episodes, the last one first, if one has ended since."""
        if self._listed == self.desk.changes:
            return
        self._listed = self.desk.changes
        self.table.rows = [
            {
                "serial": e.serial,
                "mode": e.mode,
                "number": e.number,
                "result": e.result,
                "steps": e.steps,
                "person's": e.operator_steps,
                "return": f"{e.episode_return:.2f}",
            }
            for e in self.desk.newest(KEPT_EPISODES)
        ]
        self.table.update()

    def open(self, serial: int) -> None:
        """Show the film of an episode."""
        self.shown = self.desk.episode(serial)
        if self.shown is None:
            return
        self.timer.active = False
        self.play.set_text("Play")
        frames = self._frames()
        self.title.set_text(
            f"{self.shown.mode} {self.shown.number}: {self.shown.result}"
            + ("" if frames else "; there are no pictures of it")
        )
        self.slider.props(f"max={max(frames - 1, 0)}")
        self.slider.set_value(0)
        self.player.set_visibility(True)
        self._picture()

    def _frames(self) -> int:
        return max((len(film) for film in self.shown.films.values()), default=0) if self.shown else 0

    def _picture(self) -> None:
        if self.shown is None:
            return
        for camera, picture in self.pictures.items():
            film = self.shown.films.get(camera, [])
            picture.set_visibility(bool(film))
            if film:
                frame = min(int(self.slider.value), len(film) - 1)
                picture.props(f'src="/film/{self.shown.serial}/{camera}/{frame}.jpg"')

    def _toggle(self) -> None:
        if not self.timer.active and self.slider.value + 1 >= self._frames():
            self.slider.set_value(0)
        self.timer.active = not self.timer.active
        self.play.set_text("Stop" if self.timer.active else "Play")

    def _tick(self) -> None:
        if self.slider.value + 1 >= self._frames():
            self._toggle()
        else:
            self.slider.set_value(self.slider.value + 1)

    def _again(self) -> None:
        if self.shown is None or self.shown.recorded < 0:
            ui.notify("This episode was not recorded: only demonstrations and training are.", type="warning")
        else:
            self.replay(self.shown.recorded)
