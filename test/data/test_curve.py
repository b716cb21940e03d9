"""The picture of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil_serl_ros.data.curve import WINDOW, _running, draw_curve
from hil_serl_ros.data.metrics import EPISODE_COLUMNS, Table

PNG = b"\x89PNG\r\n\x1a\n"


def table(path: Path, *modes: str) -> Path:
    rows = Table(path, EPISODE_COLUMNS)
    for number, mode in enumerate(modes):
        row = dict.fromkeys(EPISODE_COLUMNS, 0) | {"mode": mode, "steps": 40, "operator_steps": 10 * (number % 2)}
        rows.add(row | {"episode_return": 1.0, "success": number % 3 > 0, "robot_steps": 40 * (number + 1)})
    rows.close()
    return path


@pytest.mark.parametrize(
    "modes",
    [
        ("demonstrate",) * 3 + ("train",) * 50 + ("evaluate",) * 5,
        ("train",),
        ("evaluate",),
        ("demonstrate",),
        (),
    ],
    ids=["whole run", "one episode", "evaluation alone", "demonstration alone", "nothing yet"],
)
def test_every_run_has_a_picture(tmp_path, modes):
    picture = tmp_path / "curve.png"
    draw_curve(table(tmp_path / "episodes.csv", *modes), picture)
    assert picture.read_bytes().startswith(PNG)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curve.png", "episodes.csv"]


def test_the_picture_shows_the_operators_share(tmp_path):
    import matplotlib.image

    pictures = []
    for operator in (0, 30):
        rows = Table(tmp_path / f"{operator}.csv", EPISODE_COLUMNS)
        for number in range(30):
            row = dict.fromkeys(EPISODE_COLUMNS, 0) | {"mode": "train", "steps": 40, "operator_steps": operator}
            rows.add(row | {"episode_return": 1.0, "success": True, "robot_steps": 40 * (number + 1)})
        rows.close()
        draw_curve(tmp_path / f"{operator}.csv", tmp_path / f"{operator}.png")
        pictures.append(matplotlib.image.imread(tmp_path / f"{operator}.png")[..., :3])
    orange = [float(np.mean((p[..., 0] > 0.9) & (p[..., 2] < 0.75))) for p in pictures]
    assert orange[0] < 0.02  # the legend alone
    assert orange[1] > 0.2


def test_a_missing_table_leaves_no_picture(tmp_path):
    with pytest.raises(OSError, match=r"episodes\.csv"):
        draw_curve(tmp_path / "episodes.csv", tmp_path / "curve.png")
    assert list(tmp_path.iterdir()) == []


def test_the_running_mean_forgets_what_is_older_than_its_window():
    values = np.r_[np.ones(WINDOW), np.zeros(WINDOW)]
    running = _running(values)
    assert running[0] == running[WINDOW - 1] == 1.0
    assert running[WINDOW + WINDOW // 2 - 1] == pytest.approx(0.5)
    assert running[-1] == 0.0
