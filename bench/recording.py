"""What it costs to write everything down: processor time of a step with episode bags and without, side by side.

Run ``python bench/recording.py`` (about ten minutes), ``--cameras front,wrist`` with two cameras. A short run and a
long one differ by steps alone, not by their start, so their difference is what the steps cost: all nodes together, so
that a machine that does other things meanwhile tells the same. A trained step is the measure: of it comes the share.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from graph_run import run_graph, transitions

from hil_serl_ros.data.segments import Record, SegmentWriter
from hil_serl_ros.data.transition_log import read_log, transition_kind

NEVER = 10**9


def one_run(settings: list[str]) -> tuple[float, float, int, float]:
    """Processor seconds of all nodes, of the recorder, steps, and seconds that writing one step to a log takes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        used = run_graph(folder, *settings)
        steps = len(transitions(folder))
        log = append_seconds([record.data for record in read_log(folder / "log")], Path(temporary))
    return sum(used.values()), used.get("recorder", 0.0), steps, log


def append_seconds(messages: list[bytes], folder: Path) -> float:
    """Seconds that one step's writing to a log takes, median."""
    writer = SegmentWriter(folder / "steps.mcap", transition_kind())
    taken = []
    for number, data in enumerate(messages):
        started = time.perf_counter()
        writer.append(Record(number, number, number, data))
        taken.append(time.perf_counter() - started)
    writer.close()
    return median(taken)


def a_step(short: list[str], long: list[str], rounds: int) -> tuple[float, float, float]:
    """Processor ms of a step: of all nodes, of the recorder, of one writing to a log; medians of ``rounds`` pairs."""
    found = []
    for _ in range(rounds):
        (busy, own, steps, _), (more, more_own, more_steps, log) = one_run(short), one_run(long)
        between = more_steps - steps
        found.append((1e3 * (more - busy) / between, 1e3 * (more_own - own) / between, 1e3 * log))
        print(f"{' '.join(long)}: {found[-1][0]:.1f} ms a step, recorder {found[-1][1]:.1f} ms", flush=True)
    all_nodes, recorder, log = (median(column) for column in zip(*found, strict=True))
    return all_nodes, recorder, log


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs of each kind")
    parser.add_argument("--cameras", default="", help="names with commas between, of front and wrist")
    arguments = parser.parse_args()
    base = ["evaluate_episodes=0"]
    if arguments.cameras:
        base += [f"cameras=[{arguments.cameras}]", "environment_state=false"]
    shown = lambda count: [*base, f"demonstrations={count}", "train_steps=0"]  # noqa: E731
    trained = lambda count: [*base, "demonstrations=5", f"train_steps={count}"]  # noqa: E731
    few, many = (5, 35) if arguments.cameras else (10, 90)
    without, _, log = a_step([*shown(few), "record=false"], [*shown(many), "record=false"], arguments.rounds)
    recorded, recorder, _ = a_step(shown(few), shown(many), arguments.rounds)
    plain = ["record=false", f"save_freq={NEVER}"]
    training, _, _ = a_step([*trained(150), *plain], [*trained(300), *plain], 1)
    saved = ["record=false", "save_freq=100"]
    checkpoints, _, _ = a_step([*trained(150), *saved], [*trained(300), *saved], 1)
    print("\n| processor time of a step | ms | of a trained step |")
    print("|---|---|---|")
    rows = {
        "trained, with log and journal": training,
        "of it: log and journal": 2 * log,
        "more by a checkpoint each 100 updates": checkpoints - training,
        "demonstrated": without,
        "more by the bags, all nodes": recorded - without,
        "of it: the recorder itself": recorder,
    }
    for name, value in rows.items():
        print(f"| {name} | {value:.2f} | {100 * value / training:.1f} % |")


if __name__ == "__main__":
    main()
