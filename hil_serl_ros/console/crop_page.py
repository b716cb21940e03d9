"""The crop page: a rectangle per camera, and beside it what the policy would see."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from nicegui import app, ui
from nicegui.events import MouseEventArguments

from hil_serl_ros.console.crops import CropFileError, region_of, text_of, write_parameters
from hil_serl_ros.console.filmstrip import jpeg
from hil_serl_ros.console.serving import dress
from hil_serl_ros.env.images import Region, fit

STYLE = """
.camera { width: 100%; align-items: flex-start; gap: 24px; }
.source { width: min(38vw, 440px); cursor: crosshair; user-select: none; }
.source img { border-radius: 6px; image-rendering: auto; width: 100%; }
.seen { width: 256px; height: 256px; object-fit: contain; image-rendering: pixelated; border-radius: 6px;
        border: 1px solid var(--line); }
.paste { white-space: pre-wrap; margin: 0; background: var(--ground); border: 1px solid var(--line);
         border-radius: 6px; padding: 10px 14px; }
"""


class CropPage:
    """Regions of ``pictures`` (uint8 (height, width, 3), red first, by camera); the whole picture at first.

    Args:
        output: parameter file that the button writes; None has no button.
        width, height: of what the policy sees, px.
        note: a sentence about where the pictures are from, for the page.
    """

    def __init__(
        self, pictures: Mapping[str, np.ndarray], output: Path | None, width: int, height: int, note: str
    ) -> None:
        self.pictures = dict(pictures)
        self.output = output
        self.width, self.height = width, height
        self.note = note
        self.regions = {camera: Region() for camera in pictures}

    def show(self) -> None:
        """Make the page."""
        CropView(self)


class CropView:
    """The page as one visitor sees it."""

    def __init__(self, page: CropPage) -> None:
        self.page = page
        self.start: dict[str, tuple[float, float]] = {}  # of a rectangle that is being drawn
        self.images: dict[str, ui.interactive_image] = {}
        self.seen: dict[str, ui.element] = {}
        self.sizes: dict[str, ui.label] = {}
        dress(STYLE)
        with ui.row(align_items="center").classes("bar no-wrap gap-5"):
            ui.label("Crop the cameras").classes("text-lg font-medium")
            ui.label(page.note).classes("dim")
            ui.space()
            ui.button("Done", on_click=app.shutdown).props("no-caps unelevated")
        with ui.column().classes("w-full gap-4 p-6"):
            for camera in page.pictures:
                self._camera(camera)
            with ui.column().classes("panel w-full gap-3"):
                ui.label("Parameters of node state").classes("font-medium")
                self.text = ui.label().classes("paste mono w-full")
                with ui.row(align_items="center").classes("gap-4"):
                    ui.button("Copy", on_click=self._copy).props("no-caps outline")
                    if page.output is not None:
                        ui.button(f"Write to {page.output}", on_click=self.write).props("no-caps unelevated")
        for camera in page.pictures:
            self.refresh(camera)

    def _camera(self, camera: str) -> None:
        picture = self.page.pictures[camera]
        with ui.row(wrap=False).classes("camera panel"):
            with ui.column().classes("gap-2"):
                with ui.row(align_items="center").classes("gap-3"):
                    ui.label(camera).classes("text-base font-medium")
                    ui.label(f"{picture.shape[1]} x {picture.shape[0]} px · drag a rectangle").classes("dim")
                self.images[camera] = ui.interactive_image(
                    _address(picture),
                    on_mouse=lambda event: self.on_mouse(camera, event),
                    events=["mousedown", "mousemove", "mouseup", "mouseleave"],
                ).classes("source")
            with ui.column().classes("gap-2"):
                ui.label(f"what the policy sees, {self.page.width} x {self.page.height} px")
                self.seen[camera] = ui.element("img").classes("seen")
                self.sizes[camera] = ui.label().classes("dim")
                ui.button("Whole picture", on_click=lambda: self._set(camera, Region())).props("no-caps outline dense")

    def on_mouse(self, camera: str, event: MouseEventArguments) -> None:
        """Draw a rectangle: pressed, dragged, let go (or dragged out of the picture)."""
        here = (event.image_x, event.image_y)
        if event.type == "mousedown":
            self.start[camera] = here
        elif camera in self.start and (event.type != "mousemove" or event.buttons):
            height, width = self.page.pictures[camera].shape[:2]
            if region := region_of(self.start[camera], here, width, height):
                self._set(camera, region)
        if event.type in ("mouseup", "mouseleave") or (event.type == "mousemove" and not event.buttons):
            self.start.pop(camera, None)

    def _set(self, camera: str, region: Region) -> None:
        self.page.regions[camera] = region
        self.refresh(camera)

    def refresh(self, camera: str) -> None:
        """Show a camera's region, what the policy sees of it, and the parameters."""
        page, region = self.page, self.page.regions[camera]
        picture = page.pictures[camera]
        height, width = picture.shape[:2]
        left, top = region.left * width, region.top * height
        wide, high = (region.right - region.left) * width, (region.bottom - region.top) * height
        self.images[camera].content = (
            f'<path fill="#000" fill-opacity="0.55" fill-rule="evenodd" d="M0 0H{width}V{height}H0Z '
            f'M{left} {top}h{wide}v{high}h{-wide}Z"/>'
            f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#ffd166" '
            f'stroke-width="{max(width / 300, 0.5)}"/>'
        )
        address = _address(fit(picture, region, page.width, page.height))
        self.seen[camera].props(f'src="{address}"')
        stretch = (wide / high) / (page.width / page.height)
        shape = "" if 0.98 < stretch < 1.02 else f" · squeezed {max(stretch, 1 / stretch):.2f} times in "
        shape += "" if not shape else ("width" if stretch > 1 else "height")
        self.sizes[camera].set_text(f"from {wide:.0f} x {high:.0f} px{shape}")
        self.text.set_text(text_of(page.regions))

    def _copy(self) -> None:
        ui.clipboard.write(text_of(self.page.regions))
        ui.notify("copied", type="positive")

    def write(self) -> None:
        """Write the parameter file."""
        assert self.page.output is not None
        try:
            write_parameters(self.page.output, self.page.regions)
            ui.notify(f"written to {self.page.output}", type="positive")
        except CropFileError as error:
            ui.notify(str(error), type="negative")


def _address(picture: np.ndarray) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture)).decode()
