"""Export of 100 two-camera episodes as a LeRobotDataset, and its way back, against the time they took: one table.

Run ``python bench/dataset_export.py`` (about ten minutes: it records them first), or with ``--run FOLDER`` of episodes
that were recorded before. Each row is the whole command, its start included, several times over; the processor's
seconds say what it would be on a machine that does nothing else. The peer is lerobot's recording of the same frames,
as its gym_manipulator does it, on some of the episodes, scaled.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ["HF_HUB_OFFLINE"] = "1"

from graph_run import run_graph, transitions

from hil_serl_ros.data.dataset_episodes import Episodes
from hil_serl_ros.data.dataset_features import features, frame_of
from hil_serl_ros.data.dataset_source import layout_of
from hil_serl_ros.ros.dataset_steps import dataset_step_of

EPISODES, STEPS = 100, 30
PEER_EPISODES = 10


def record(folder: Path) -> None:
    """The scripted operator shows success and failure to two 128x128 cameras."""
    settings = ("task=pick_cube", "cameras=[front,wrist]", "environment_state=false", "reward=operator")
    schedule = (f"collect_episodes={EPISODES}", "demonstrations=0", "train_steps=0", "evaluate_episodes=0")
    run_graph(folder, *settings, *schedule, f"max_episode_steps={STEPS}", "frozen_after=0", seconds=900)


def measure(words: list[str], made: Path, repeat: int) -> tuple[list[float], float]:
    """Wall seconds of each run of ``hil-serl dataset``, and the median of its processor seconds."""
    walls, used = [], []
    for _ in range(repeat):
        shutil.rmtree(made, ignore_errors=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        command = [sys.executable, "-m", "hil_serl_ros.cli", "dataset", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return walls, median(used)


def lerobot_alone(run: Path, folder: Path) -> float:
    """Seconds that lerobot's recording takes for a frame, without its start and without reading the log."""
    from lerobot.datasets import LeRobotDataset

    layout, episodes = layout_of(run), Episodes()
    whole = [e for _, _, message in transitions(run) for e in episodes.add(dataset_step_of(message))][:PEER_EPISODES]
    dataset = LeRobotDataset.create(
        "peer", 10, features(layout, videos=True), root=folder, image_writer_threads=4, video_backend="pyav"
    )
    started = time.perf_counter()
    for episode in whole:
        for chain in episode.chains:
            for step in chain:
                dataset.add_frame(frame_of(step) | {"task": layout.task})
        dataset.save_episode()
    dataset.finalize()
    return (time.perf_counter() - started) / sum(len(chain) for e in whole for chain in e.chains)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="folder of a run with two cameras (default: record one)")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        run = arguments.run or here / "run"
        if arguments.run is None:
            record(run)
        steps = [message for _, _, message in transitions(run)]
        period = layout_of(run).control_period
        real, count = len(steps) * period, sum(bool(message.final_observation) for message in steps)
        video, images, log = here / "video", here / "images", here / "log"
        rows = [
            ("export, video", *measure(["export", str(run), str(video)], video, arguments.repeat)),
            ("export, --images", *measure(["export", str(run), str(images), "--images"], images, arguments.repeat)),
            ("import of the video", *measure(["import", str(video), str(log)], log, arguments.repeat)),
        ]
        peer = lerobot_alone(run, here / "peer") * len(steps)
    print(
        f"\n{count} episodes, {len(steps)} steps of two pictures, {real:.0f} s of real time; {arguments.repeat} runs\n"
    )
    print("| | wall, s: median (all) | processor, s | faster than real time |")
    print("|---|---|---|---|")
    for what, walls, used in rows:
        each = ", ".join(f"{wall:.1f}" for wall in walls)
        print(f"| {what} | {median(walls):.1f} ({each}) | {used:.1f} | {real / median(walls):.1f} |")
    print(f"| peer: lerobot's recording alone, {PEER_EPISODES} episodes, scaled | {peer:.1f} | | {real / peer:.1f} |")


if __name__ == "__main__":
    main()
