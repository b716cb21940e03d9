"""``hil-serl demo-pixels``: from nothing to a policy that sees, judged by a classifier while it learns."""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path

from hil_serl_ros.commands import classifier, encoder
from hil_serl_ros.commands.job import changes_of, run_job
from hil_serl_ros.data.demonstrations import read_demonstrations
from hil_serl_ros.settings import SettingError

CONFIG = "pick_cube_pixels"
# In the first stage there is no classifier yet: the operator judges. Episodes for the classifier are short, so that
# there are many: time to do the task and to show the result.
RECORD = {"reward": "operator", "train_steps": 0, "evaluate_episodes": 0}
COLLECT_STEPS = 28


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (default: 0)")
    parser.add_argument("--run-folder", type=Path, help=f"where all of it goes (default: runs/{CONFIG}-<time>)")
    parser.add_argument("--encoder-steps", type=int, help="steps in which the encoder learns the scene")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter")


def run(arguments: argparse.Namespace) -> int:
    """Record, teach the encoder, train the classifier, train and evaluate the policy; each by its own command."""
    changes = changes_of(arguments.set) | {"seed": arguments.seed, "started": time.time()}
    folder = (arguments.run_folder or Path("runs") / f"{CONFIG}-{time.strftime('%Y%m%d-%H%M%S')}").resolve()
    if folder.exists() and any(folder.iterdir()):
        raise SettingError(f"{folder} holds something already; choose another --run-folder")
    recorded, policy = folder / "recorded", folder / "policy"
    shown, seed = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder, arguments.seed

    def say(number: int, words: str, command: str) -> None:
        print(f"== {number}/4 {words}:  hil-serl {command}", flush=True)

    say(
        1,
        "the operator shows success, failure and how to do it",
        f"train --job collect --config {CONFIG} --run-folder {shown / 'recorded'} --set reward=operator …",
    )
    if code := run_job("collect", recorded, CONFIG, changes | RECORD | {"max_episode_steps": COLLECT_STEPS}):
        return code
    steps = sum(1 for _ in read_demonstrations(recorded))
    words = [str(shown / "recorded"), "--output", str(shown / "encoder"), "--seed", str(seed)]
    words += ["--steps", str(arguments.encoder_steps)] if arguments.encoder_steps else []
    say(2, "the encoder learns the scene", f"encoder train {shlex.join(words)}")
    if code := encoder.run(_parsed(encoder, words)):
        return code
    words = [str(shown / "recorded"), "--output", str(shown / "classifier"), "--seed", str(seed)]
    words += ["--encoder", str(shown / "encoder")]
    say(3, "the classifier learns what success is", f"classifier train {shlex.join(words)}")
    if code := classifier.run(_parsed(classifier, words)):
        return code
    changes |= {"classifier": str(folder / "classifier"), "vision_encoder": str(folder / "encoder")}
    changes |= {"reward": "classifier", "recorded_steps": steps}
    changes |= {"demonstrations_folder": str(recorded), "demonstrations": 0, "collect_episodes": 0}
    say(
        4,
        "the policy learns, and is evaluated on ground truth",
        f"train --config {CONFIG} --run-folder {shown / 'policy'} --set reward=classifier …",
    )
    return run_job("train", policy, CONFIG, changes)


def _parsed(command: object, words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    return parser.parse_args(words)
