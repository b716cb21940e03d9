"""Reward classifier on frames of 50 held-out episodes of simulation, after training on about 1,000 frames.

Run ``python bench/classifier.py`` (about ten minutes, most of it rendering). Ground truth labels every frame. The
scripted operator shows what it shows in mode collect, and the pictures are those of ``config/pick_cube_pixels.yaml``;
of the held-out episodes every other frame is judged. ``taught`` is the small encoder after ``pretrain`` on the
training frames.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("MUJOCO_GL", "egl")

import cv2
import mujoco
import numpy as np
import torch

from hil_serl_ros.data.classifier_folder import load, save
from hil_serl_ros.data.labelled import LabelledEpisode
from hil_serl_ros.learning.classifier_threshold import figures_at
from hil_serl_ros.learning.classifier_trainer import ClassifierSettings, train
from hil_serl_ros.learning.encoder import save as save_encoder
from hil_serl_ros.learning.pretraining import PretrainingSettings, pretrain
from hil_serl_ros.sim.examples import Examples
from hil_serl_ros.sim.operator import STEP
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World

CAMERAS = {"front": "front", "wrist": "handcam_rgb"}
RENDERED, SIZE = 256, 128  # pixels
FRONT = (slice(None), slice(115, 243), slice(64, 192))  # of 256: the part that the configuration crops
STEPS = 40
HELD_OUT = 50


class Recorder:
    """Episodes with pictures and ground truth."""

    def __init__(self) -> None:
        self.world = World(task_named("pick_cube"))
        model = self.world.model
        model.vis.quality.offsamples = 0
        model.vis.global_.offwidth = model.vis.global_.offheight = RENDERED
        self.renderer = mujoco.Renderer(model, RENDERED, RENDERED)
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self.examples = Examples(self.world.task)

    def pictures(self) -> np.ndarray:
        """uint8 [cameras, 3, H, W] of the present state, cameras by name."""
        made = {}
        for name, camera in CAMERAS.items():
            self.renderer.update_scene(self.world.data, camera)
            made[name] = self.renderer.render()
        wrist = cv2.resize(made["wrist"], (SIZE, SIZE), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
        return np.stack([made["front"].transpose(2, 0, 1)[FRONT], wrist])

    def episode(self, seed: int, number: int, every: int) -> LabelledEpisode:
        """One episode, of which each ``every``-th frame is kept."""
        world, examples = self.world, self.examples
        world.reset(seed)
        examples.begin(seed, number)
        down = world.target_quaternion_wxyz
        frames, pictures, labels = [0], [self.pictures()], [False]
        for step in range(STEPS):
            closure, held = world.gripper_command / 255, world.target_position
            act = examples.act(world.tool_position, closure, world.object_positions, world.goal_positions, held)
            world.set_target(held + STEP * act.delta, down, (0.0, closure, 1.0)[act.gripper])
            world.step()
            if (step + number) % every == 0:
                frames.append(step + 1)
                pictures.append(self.pictures())
                labels.append(world.outcome().success)
        name = f"bench episode {seed}"
        return LabelledEpisode(name, tuple(CAMERAS), np.array(frames), np.stack(pictures), np.array(labels))


def recorded(first: int, episodes: int, every: int = 1) -> list[LabelledEpisode]:
    """``episodes`` from seed ``first`` on."""
    recorder = Recorder()
    return [recorder.episode(first + number, number, every) for number in range(episodes)]


def at_recall(probabilities: np.ndarray, labels: np.ndarray, recall: float) -> float:
    """Best precision at a recall of at least ``recall``."""
    every = (figures_at(probabilities, labels, float(t)) for t in np.unique(probabilities))
    return max(f.precision for f in every if f.recall >= recall)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=24, help="to train on, 41 frames each")
    parser.add_argument("--encoder", action="append", help="repeat for several (default: taught, small, resnet10)")
    parser.add_argument("--seed", type=int, action="append", help="may be given several times (default: 0)")
    parser.add_argument("--keep", type=Path, help="keep the recorded frames in this .npz, or take them from it")
    arguments = parser.parse_args()
    training, held = _episodes(arguments.episodes, arguments.keep)
    labels = np.concatenate([e.labels for e in held])
    print(f"training: {_count(training)}; held out: {_count(held)}")
    print("| encoder | seed | at recall 0.95 | precision | recall | threshold | training s | ms/observation | unlike |")
    print("|---|---|---|---|---|---|---|---|---|")
    for encoder in arguments.encoder or ["taught", "small", "resnet10"]:
        for seed in arguments.seed or [0]:
            with tempfile.TemporaryDirectory() as folder:
                if encoder == "taught":
                    frames = np.concatenate([e.pictures for e in training])
                    save_encoder(pretrain(frames, PretrainingSettings(seed=seed)), Path(folder) / "encoder")
                name = str(Path(folder) / "encoder") if encoder == "taught" else encoder
                settings = ClassifierSettings(encoder=name, seed=seed, encoder_seed=seed, threads=2)
                trained = train(training, settings)
                save(Path(folder) / "classifier", trained, settings)
                classifier = load(Path(folder) / "classifier")
            torch.set_num_threads(1)
            probabilities, distances, times = [], [], []
            for episode in held:
                for pictures in episode.pictures:
                    started = time.perf_counter()
                    probability, distance = classifier(dict(zip(episode.cameras, pictures, strict=True)))
                    times.append(time.perf_counter() - started)
                    probabilities.append(probability)
                    distances.append(distance)
            p = np.array(probabilities)
            figures = figures_at(p, labels, classifier.threshold)
            strange = np.mean(np.array(distances) > classifier.familiar.limit)
            good = f"{at_recall(p, labels, 0.95):.3f} | {figures.precision:.3f} | {figures.recall:.3f}"
            cost = f"{trained.seconds:.0f} | {1000 * np.median(times):.1f} | {strange:.4f}"
            print(f"| {encoder} | {seed} | {good} | {figures.threshold:.3f} | {cost} |", flush=True)


def _count(episodes: list[LabelledEpisode]) -> str:
    good = sum(int(e.labels.sum()) for e in episodes)
    return f"{sum(len(e.labels) for e in episodes)} frames of {len(episodes)} episodes, {good} successes"


def _episodes(episodes: int, keep: Path | None) -> tuple[list[LabelledEpisode], list[LabelledEpisode]]:
    if keep is not None and keep.is_file():
        with np.load(keep) as data:
            ends, cameras = data["ends"], tuple(sorted(CAMERAS))
            parts = zip(np.split(data["pictures"], ends[:-1]), np.split(data["labels"], ends[:-1]), strict=True)
            made = [LabelledEpisode(str(i), cameras, np.arange(len(p)), p, y) for i, (p, y) in enumerate(parts)]
        return made[:-HELD_OUT], made[-HELD_OUT:]
    training, held = recorded(0, episodes), recorded(100_000, HELD_OUT, every=2)
    if keep is not None:
        every = training + held
        ends = np.cumsum([len(e.labels) for e in every])
        np.savez(
            keep,
            pictures=np.concatenate([e.pictures for e in every]),
            labels=np.concatenate([e.labels for e in every]),
            ends=ends,
        )
    return training, held


if __name__ == "__main__":
    main()
