"""What a run's folder tells, and what it lacks."""

from __future__ import annotations

import math

import logged_run
import pytest
import yaml
from logged_run import TRAIN

from hil_serl_ros.data.metrics import EPISODE_COLUMNS
from hil_serl_ros.report.facts import gather, wilson


def table(folder, rows) -> None:
    """An ``episodes.csv`` of (mode, success, weights_version)."""
    lines = [",".join(EPISODE_COLUMNS)]
    for number, (mode, success, version) in enumerate(rows):
        lines.append(
            f"{mode},{number},1,10,4,{float(success)},{success},False,{10 * number + 10},{4 * number + 4},{version},arm"
        )
    (folder / "episodes.csv").write_text("\r\n".join(lines) + "\r\n")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = logged_run.write(tmp_path / "run", logged_run.steps([(TRAIN, 5, True), (TRAIN, 4, False)]))
    table(folder, [("train", True, 5), ("evaluate", True, 9), ("evaluate", False, 9), ("evaluate", True, 20)])
    return folder


@pytest.mark.parametrize(("successes", "episodes"), [(0, 10), (3, 10), (10, 10), (19, 20), (198, 200)])
def test_the_interval_is_wilsons(successes, episodes):
    # Its ends are the rates from which the share that was seen is as unlikely as 95 % allow: the score test's roots.
    share = successes / episodes
    low, high = wilson(successes, episodes)
    assert low <= share <= high
    for end in (low, high):
        if 0 < end < 1:
            assert abs(share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / episodes))
    assert high - low < 2 * 1.96 * math.sqrt(0.25 / episodes)


def test_nothing_evaluated_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_each_version_of_the_weights_has_a_line_of_its_own(run):
    found = gather(run).evaluations
    assert [(e.weights_version, e.episodes, e.successes) for e in found] == [(9, 2, 1), (20, 1, 1)]
    assert (found[0].rate, found[0].steps, found[0].episode_return) == (0.5, 10.0, 0.5)


def test_evaluations_of_the_runs_checkpoints_beside_it_count_and_others_do_not(run):
    for name, checkpoint in (("evaluate-1", run / "checkpoints/last/pretrained_model"), ("evaluate-2", "/elsewhere")):
        other = run.parent / "runs" / name
        other.mkdir(parents=True)
        content = {"/**": {"ros__parameters": {"checkpoint": str(checkpoint)}}}
        (other / "parameters.yaml").write_text(yaml.safe_dump(content))
        table(other, [("evaluate", True, 0)] * 3)
    assert [(e.name, e.episodes) for e in gather(run).evaluations][2:] == [("evaluate-1", 3)]


def test_steps_are_counted_from_the_log_and_the_persons_from_the_table(run):
    facts = gather(run)
    assert (facts.robot_steps, facts.operator_steps) == (9, 16)
    assert [row["mode"] for row in facts.mode("train")] == ["train"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.yaml", "config.yaml is missing"),
        ("parameters.yaml", "parameters.yaml is missing"),
        ("episodes.csv", "episodes.csv is missing"),
        ("log", "holds no transition log"),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_read(run, name, words):
    assert words not in "; ".join(gather(run).missing)
    (run / name).rename(run.parent / "away")
    assert words in "; ".join(gather(run).missing)


def test_updates_are_those_of_the_last_checkpoint_or_row_of_metrics(run):
    assert gather(run).updates == 0
    for name in ("000020", "000030", "000040.damaged"):
        (run / "checkpoints" / name).mkdir(parents=True)
    assert gather(run).updates == 30
    (run / "metrics.csv").write_text("updates\n25\n50\n")
    assert gather(run).updates == 50


def test_half_a_row_of_a_table_that_is_being_written_is_left_out(run):
    with (run / "episodes.csv").open("a") as file:
        file.write("train,4,1,1")
    assert len(gather(run).episodes) == 4


def test_a_torn_log_is_named_with_its_place(run):
    file = run / "log" / "000000.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    facts = gather(run)
    assert facts.index is not None
    assert any(f"{file} is not ended" in sentence for sentence in facts.warnings)


def test_warnings_and_the_result_are_taken_from_what_the_nodes_said(run):
    said = "12:00:00.1 safety [WARN] [17.5] [safety]: held\n" * 3
    said += (
        "12:00:01.0 learner [ERROR] [17.9] [learner]: no disk\n12:00:02.0 monitor result: success=1/1 robot_steps=9\n"
    )
    (run / "output.log").write_text(said)
    facts = gather(run)
    assert {"WARN of safety: held (3 times)", "ERROR of learner: no disk"} <= set(facts.warnings)
    assert facts.result == "success=1/1 robot_steps=9"


def test_a_run_that_did_not_end_says_so(run):
    (run / "output.log").write_text("12:00:00.1 safety [INFO] [17.5] [safety]: armed\n")
    assert any("no result" in sentence for sentence in gather(run).missing)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "letters.txt").write_text("")
    with pytest.raises(FileNotFoundError, match="is not a run's folder"):
        gather(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        gather(tmp_path / "nowhere")
