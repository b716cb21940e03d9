"""The label page: all episodes of a run, one keystroke for a typical one. What the keys do is in `labelling.py`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import Response
from nicegui import app, ui
from nicegui.events import KeyEventArguments

from hil_serl_ros.console.filmstrip import Film
from hil_serl_ros.console.labelling import Labelling
from hil_serl_ros.console.serving import dress
from hil_serl_ros.data.labels import Episode, LabelsError, read_labels, write_labels

WORDS = {1: "success", 0: "failure", -1: "excluded"}
LEAP = 10  # frames, with shift
KEYS_WITH_SHIFT = ("shift x", "shift arrowleft", "shift arrowright")

STYLE = """
.episodes { width: 250px; height: calc(100vh - 62px); overflow-y: auto; border-right: 1px solid var(--line);
            background: var(--panel); flex: none; }
.episode { padding: 7px 16px; cursor: pointer; border-left: 3px solid transparent; width: 100%;
           display: flex; justify-content: space-between; gap: 8px; white-space: nowrap; }
.episode:hover { background: #262b34; }
.episode.here { border-left-color: var(--here); background: #2a303a; }
.episode .state { color: var(--dim); } .episode.labelled .state { color: var(--success); }
.stage { padding: 16px 24px; flex: 1; min-width: 0; height: calc(100vh - 62px); overflow-y: auto; }
.picture { height: min(46vh, 520px); max-width: 100%; object-fit: contain; border: 5px solid; border-radius: 8px;
           background: #000; }
.cameras { display: flex; } .cameras div { flex: 1; text-align: center; }
.chip { padding: 2px 12px; border-radius: 12px; color: #10131a; font-weight: 600; min-width: 84px; text-align: center; }
.strip { display: flex; flex-wrap: wrap; gap: 3px; }
.thumb { height: 44px; border: 3px solid; border-radius: 4px; cursor: pointer; }
.is1 { border-color: var(--success); } .is0 { border-color: var(--failure); }
.is-1 { border-color: var(--excluded); opacity: .45; } .picture.is-1 { opacity: .7; }
.chip.is1 { background: var(--success); } .chip.is0 { background: var(--failure); }
.chip.is-1 { background: var(--excluded); opacity: 1; }
.thumb.here { outline: 3px solid var(--here); outline-offset: 0; }
"""


class LabelPage:
    """Labels ``films`` into the table at ``path``, written after each change.

    Raises:
        LabelsError: the table that is there cannot be read.
    """

    def __init__(self, films: Mapping[Episode, Film], path: Path, name: str) -> None:
        self.films = films
        self.path = path
        self.name = name
        self.labelling = Labelling({key: film.recorded for key, film in films.items()}, read_labels(path))
        self.actions: dict[str, tuple[str, str, Callable[[], object]]] = {
            "enter": ("Enter", "right as shown, next", self.labelling.accept),
            "s": ("S", "success from here on", self.labelling.success_from_here),
            "f": ("F", "all failure", self.labelling.all_failure),
            "x": ("X", "exclude frame", self.labelling.exclude),
            "shift x": ("⇧X", "exclude range from last X", self.labelling.exclude_range),
            "u": ("U", "undo", self.labelling.undo),
            "n": ("N", "next", lambda: self.labelling.go_to(self.labelling.index + 1)),
            "p": ("P", "previous", lambda: self.labelling.go_to(self.labelling.index - 1)),
        }
        self._moves = {"arrowleft": -1, "arrowright": 1, "shift arrowleft": -LEAP, "shift arrowright": LEAP}
        # In the addresses: a browser keeps pictures, and another run's must not be taken for this one's.
        self._token = secrets.token_hex(4)

    def add_routes(self) -> None:
        """Serve the pictures, which a browser loads as it needs them and keeps."""
        frames = [film.frames for film in self.films.values()]

        @app.get(f"/{self._token}/{{episode}}/{{frame}}.jpg")
        def picture(episode: int, frame: int) -> Response:
            if not (0 <= episode < len(frames) and 0 <= frame < len(frames[episode])):
                return Response(status_code=404)
            headers = {"Cache-Control": "private, max-age=86400, immutable"}
            return Response(frames[episode][frame], media_type="image/jpeg", headers=headers)

    def address(self, frame: int) -> str:
        """Of a frame's picture in the episode shown."""
        return f"/{self._token}/{self.labelling.index}/{frame}.jpg"

    def press(self, key: str) -> bool:
        """Do what ``key`` (small letters, "shift " before) does and save; False if it does nothing.

        Raises:
            LabelsError: the table cannot be written; the labels are kept in memory and saved with the next change.
        """
        if key in self._moves:
            self.labelling.show(self.labelling.frame + self._moves[key])
            return True
        if key not in self.actions:
            return False
        before = {episode: dict(labels) for episode, labels in self.labelling.given.items()}
        self.actions[key][2]()
        if self.labelling.given != before:
            write_labels(self.path, self.labelling.given)
        return True

    def show(self) -> None:
        """Make the page."""
        LabelView(self)


class LabelView:
    """The page as one visitor sees it; only what changed is sent."""

    def __init__(self, page: LabelPage) -> None:
        self.page = page
        self.shown: tuple[int, int] | None = None  # episode and frame
        dress(STYLE)
        with ui.row(align_items="center").classes("bar no-wrap gap-5"):
            ui.label(f"Label {page.name}").classes("text-lg font-medium")
            self.bar = ui.linear_progress(0, size="8px", show_value=False).props("rounded").classes("w-56")
            self.progress = ui.label().classes("dim")
            ui.space()
            ui.label(f"saved in {page.path.name} after each key").classes("dim")
            ui.button("Done", on_click=app.shutdown).props("no-caps unelevated")
        with ui.row(wrap=False).classes("w-full gap-0"):
            with ui.column().classes("episodes gap-0 py-2"):
                self.rows = [self._row(index, key) for index, key in enumerate(page.films)]
            with ui.column().classes("stage gap-3"):
                self._stage()
        ui.keyboard(self._on_key, ignore=[])
        self.refresh()

    def _row(self, index: int, key: Episode) -> tuple[ui.element, ui.label]:
        with ui.element("div").classes("episode").on("click", lambda: self._go(index)) as row:
            ui.label(f"{key[0]} · {key[1]}")
            state = ui.label().classes("state")
        return row, state

    def _stage(self) -> None:
        with ui.row(align_items="center").classes("gap-4"):
            self.title = ui.label().classes("text-base font-medium")
            self.chip = ui.label()
            self.recorded = ui.label().classes("dim")
        with ui.element("div"):
            self.picture = ui.element("img")
            self.cameras = ui.element("div").classes("cameras dim mt-1")
        with ui.row(align_items="center").classes("gap-2"):
            for key, (cap, words, _) in self.page.actions.items():
                with ui.button(on_click=lambda key=key: self.press(key)).props("flat no-caps dense color=white"):
                    ui.label(cap).classes("key")
                    ui.label(words).classes("pr-2")
            with ui.row(align_items="center").classes("gap-0 dim px-1"):
                ui.label("← →").classes("key")
                ui.label(f"step, with ⇧ {LEAP}")
        self.strip = ui.element("div").classes("strip")
        self.thumbs: list[ui.element] = []

    def _on_key(self, event: KeyEventArguments) -> None:
        held = event.modifiers
        if event.action.keydown and not (held.ctrl or held.alt or held.meta):
            key = str(event.key.name).lower()
            # A held key steps on; it must not accept one episode after the other.
            if not event.action.repeat or key.startswith("arrow"):
                self.press(f"shift {key}" if held.shift and f"shift {key}" in KEYS_WITH_SHIFT else key)

    def press(self, key: str) -> None:
        """Do what the key does and show it."""
        try:
            if self.page.press(key):
                self.refresh()
        except LabelsError as error:
            self.refresh()
            ui.notify(f"not saved: {error}", type="negative")

    def _go(self, index: int) -> None:
        self.page.labelling.go_to(index)
        self.refresh()

    def _to(self, frame: int) -> None:
        self.page.labelling.show(frame)
        self.refresh()

    def refresh(self) -> None:
        """Show the state of the labelling."""
        state = self.page.labelling
        labels = state.labels(state.key)
        film = self.page.films[state.key]
        if self.shown is None or self.shown[0] != state.index:
            self._new_episode(film)
        label = labels[state.frame]
        for frame, thumb in enumerate(self.thumbs):
            thumb.classes(replace=f"thumb is{labels[frame]}" + (" here" if frame == state.frame else ""))
        self.picture.props(f'src="{self.page.address(state.frame)}"').classes(replace=f"picture is{label}")
        self.title.set_text(f"{state.key[0]} · episode {state.key[1]} · frame {state.frame} of {len(labels) - 1}")
        self.chip.set_text(WORDS[label])
        self.chip.classes(replace=f"chip is{label}")
        self.recorded.set_text(
            f"recorded: {_summary(film.recorded)}" + ("" if film.whole else " · the episode's end is missing")
        )
        for index, (row, text) in enumerate(self.rows):
            key = state.keys[index]
            given = state.is_labelled(key)
            text.set_text(("✓ " if given else "") + _summary(state.labels(key)))
            row.classes(replace="episode" + " labelled" * given + " here" * (index == state.index))
        self.progress.set_text(f"{state.done} of {len(state.keys)} episodes labelled")
        self.bar.set_value(state.done / len(state.keys))
        if self.shown != (state.index, state.frame):
            moved = [self.rows[state.index][0].html_id, self.thumbs[state.frame].html_id]
            ui.run_javascript(f"{moved}.forEach(i => getHtmlElement(i)?.scrollIntoView({{block: 'nearest'}}))")
        self.shown = (state.index, state.frame)

    def _new_episode(self, film: Film) -> None:
        self.strip.clear()
        with self.strip:
            self.thumbs = [
                ui.element("img")
                .props(f'src="{self.page.address(frame)}" loading="lazy" title="frame {frame}"')
                .on("click", lambda frame=frame: self._to(frame))
                for frame in range(len(film.frames))
            ]
        self.cameras.clear()
        with self.cameras:
            for camera in film.cameras:
                ui.label(camera)


def _summary(labels: list[int]) -> str:
    if 1 not in labels:
        return "failure" if 0 in labels else "excluded"
    return f"success from {labels.index(1)}"
