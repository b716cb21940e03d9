"""Both pages as a visitor has them, in NiceGUI's simulation: no browser."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import yaml
from nicegui.testing.user_simulation import user_simulation
from recorded import episode

from hil_serl_ros.console.crop_page import CropPage, CropView
from hil_serl_ros.console.filmstrip import films
from hil_serl_ros.console.label_page import LabelPage, LabelView
from hil_serl_ros.data.labels import NAME, read_labels


def key(name: str, *, shift: bool = False, repeat: bool = False) -> Any:
    return SimpleNamespace(
        key=SimpleNamespace(name=name),
        action=SimpleNamespace(keydown=True, repeat=repeat),
        modifiers=SimpleNamespace(ctrl=False, alt=False, meta=False, shift=shift),
    )


def test_keys_on_the_label_page_show_and_save_labels(tmp_path):
    page = LabelPage(films([*episode(0, 3, 2, size=16), *episode(1, 3, None, size=16)]), tmp_path / NAME, "run")
    views: list[LabelView] = []

    async def visit() -> None:
        async with user_simulation(lambda: views.append(LabelView(page))) as user:
            await user.open("/")
            await user.should_see("0 of 2 episodes labelled")
            await user.should_see("robot · episode 0 · frame 2 of 3")
            with user:
                views[0]._on_key(key("Enter"))
            await user.should_see("1 of 2 episodes labelled")
            with user:
                views[0]._on_key(key("Enter", repeat=True))  # held: accepts no second episode
                assert page.labelling.done == 1
                views[0]._on_key(key("ArrowLeft"))
                views[0]._on_key(key("X"))
                views[0]._on_key(key("ArrowLeft"))
                views[0]._on_key(key("X", shift=True))
            await user.should_see("robot · episode 1 · frame 1 of 3")
            await user.should_see("excluded")

    asyncio.run(visit())
    assert read_labels(tmp_path / NAME) == {
        ("robot", 0): {0: 0, 1: 0, 2: 1, 3: 1},
        ("robot", 1): {0: 0, 1: -1, 2: -1, 3: 0},
    }


def test_a_picture_has_the_address_of_its_frame(tmp_path):
    page = LabelPage(films(episode(0, 3, 2, size=16)), tmp_path / NAME, "run")
    answers: list[tuple[int, bytes]] = []

    async def visit() -> None:
        async with user_simulation(page.show) as user:
            page.add_routes()
            for address in (page.address(1), page.address(4)):
                response = await user.http_client.get(address)
                answers.append((response.status_code, response.content))

    asyncio.run(visit())
    assert answers[0] == (200, page.films[("robot", 0)].frames[1])
    assert answers[1][0] == 404


def mouse(kind: str, x: float, y: float) -> Any:
    return SimpleNamespace(type=kind, image_x=x, image_y=y, buttons=1)


def test_a_dragged_rectangle_is_shown_and_written_as_the_parameter(tmp_path):
    page = CropPage({"front": np.zeros((100, 200, 3), np.uint8)}, tmp_path / "state.yaml", 64, 64, "a note")
    views: list[CropView] = []

    async def visit() -> None:
        async with user_simulation(lambda: views.append(CropView(page))) as user:
            await user.open("/")
            await user.should_see("a note")
            with user:
                views[0].on_mouse("front", mouse("mousedown", 150, 75))
                views[0].on_mouse("front", mouse("mouseup", 50, 25))
            await user.should_see("from 100 x 50 px")
            await user.should_see("0.25, 0.25, 0.75, 0.75")
            user.find("Write to").click()
            await user.should_see("written to")

    asyncio.run(visit())
    written = yaml.safe_load((tmp_path / "state.yaml").read_text())
    assert written["/**"]["ros__parameters"] == {"cameras": ["front"], "crops": [0.25, 0.25, 0.75, 0.75]}
