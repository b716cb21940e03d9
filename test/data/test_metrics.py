"""Figures of a run: tables that survive kills, TensorBoard, and lines in lerobot's form."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from hil_serl_ros.data.metrics import (
    EPISODE_COLUMNS,
    TRAINING_COLUMNS,
    EpisodeWriter,
    MetricsWriter,
    evaluation_line,
    training_line,
)
from hil_serl_ros.data.table import Table, TableError


def figures(updates: int, **changes: float) -> dict[str, float]:
    return dict.fromkeys(TRAINING_COLUMNS, 0.5) | {"updates": updates, "transitions": 1234} | changes


def column(path: Path, name: str) -> list[str]:
    with path.open(newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.parametrize("updates", [1, 999, 1000, 123_456, 7_000_000])
def test_the_line_is_the_one_that_lerobot_would_write(updates):
    logging_utils = pytest.importorskip("lerobot.utils.logging_utils")
    meters = {
        name: logging_utils.AverageMeter(name, form)
        for name, form in (
            ("loss", ":.3f"), ("grdn", ":.3f"), ("lr", ":0.1e"), ("updt_s", ":.3f"), ("data_s", ":.3f"),
        )
    }  # fmt: skip
    tracker = logging_utils.MetricsTracker(256, 1234, 60, meters, initial_step=updates)
    tracker.loss, tracker.grdn, tracker.lr, tracker.updt_s, tracker.data_s = 0.1234, 2.5, 3e-4, 0.0123, 0.001
    ours = figures(
        updates, critic_loss=0.1234, critic_grad_norm=2.5, lr=3e-4, update_seconds=0.0123, data_seconds=0.001
    )
    assert training_line(ours, 256, 60) == str(tracker)


def test_the_line_of_an_evaluation_names_reward_success_and_seconds():
    assert evaluation_line(0.957, 0.975, 1.5) == "∑rwrd:0.957 success:97.5% eval_s:1.500"


def test_training_figures_go_to_csv_tensorboard_and_console(tmp_path, capsys):
    writer = MetricsWriter(tmp_path)
    writer.training(figures(250, critic_loss=0.25), batch_size=256, episodes=60)
    assert column(tmp_path / "metrics.csv", "critic_loss") == ["0.25"]  # at once, not at the end
    assert scalars(tmp_path / "tensorboard" / "learning")["training/critic_loss"] == [(250, 0.25)]
    assert capsys.readouterr().out.startswith("step:250 smpl:64K ep:3K epch:51.86 loss:0.250 grdn:0.500 lr:5.0e-01")
    writer.close()


def test_a_resumed_run_replaces_what_it_does_again(tmp_path):
    for life in ((250, 500, 750), (500, 750, 1000)):
        writer = MetricsWriter(tmp_path)
        for updates in life:
            writer.training(figures(updates), 256, 1)
        writer.close()
    assert column(tmp_path / "metrics.csv", "updates") == ["250", "500", "750", "1000"]
    shown = scalars(tmp_path / "tensorboard" / "learning")["training/critic_loss"]
    assert [step for step, _ in shown] == [250, 500, 750, 1000]


def test_a_resumed_table_has_one_header_and_goes_on(tmp_path):
    for number in range(3):
        table = Table(tmp_path / "t.csv", ("a", "b"))
        table.add({"a": number, "b": "x"})
        table.close()
    assert (tmp_path / "t.csv").read_text() == "a,b\n0,x\n1,x\n2,x\n"


@pytest.mark.parametrize("cut", range(1, 17))
def test_half_a_row_that_a_kill_left_is_cut_off(tmp_path, cut):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\r\n10,x\r\n11,y\r\n"[:-cut])
    whole = path.read_bytes().count(b"\n") - 1
    table = Table(path, ("a", "b"))
    table.add({"a": 12, "b": "z"})
    table.close()
    assert column(path, "a") == [*["10", "11"][: max(0, whole)], "12"]


def test_a_table_with_other_columns_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,c\r\n1,2\r\n")
    with pytest.raises(TableError, match="has other columns than a, b"):
        Table(path, ("a", "b"))
    assert path.read_text().startswith("a,c")


def test_training_episodes_go_to_tensorboard_and_all_to_csv(tmp_path):
    writer = EpisodeWriter(tmp_path)
    row = dict.fromkeys(EPISODE_COLUMNS, 0) | {"mode": "train", "steps": 50, "operator_steps": 10, "success": True}
    writer.add(row | {"robot_steps": 450, "episode_return": 0.75})
    writer.add(row | {"mode": "evaluate", "robot_steps": 450})
    assert column(tmp_path / "episodes.csv", "mode") == ["train", "evaluate"]
    shown = scalars(tmp_path / "tensorboard" / "episodes")
    assert shown["episodes/operator_share"] == [(450, pytest.approx(0.2))]
    assert shown["episodes/return"] == [(450, 0.75)]
    assert shown["episodes/success"] == [(450, 1.0)]
    writer.close()


def test_counting_does_not_load_torch():
    code = "import sys; import hil_serl_ros.data.metrics, hil_serl_ros.data.curve; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
