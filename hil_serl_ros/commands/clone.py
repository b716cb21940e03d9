"""``hil-serl clone``: a policy from a run's demonstrations alone, by behaviour cloning: a baseline."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from hil_serl_ros.commands.job import changes_of
from hil_serl_ros.commands.relearn import new_folder, write_settings
from hil_serl_ros.data.run_settings import run_settings
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.relearning import Relearning, decoded, run_index
from hil_serl_ros.settings import SettingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a run with demonstrations")
    parser.add_argument("--updates", type=int, default=2000, help="updates of the cloning (default: 2000)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to make for the checkpoint")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another learner's parameter")


def run(arguments: argparse.Namespace) -> int:
    """Clone and save."""
    started = time.monotonic()
    try:
        if arguments.updates < 1:
            raise SettingError(f"--updates {arguments.updates} clones nothing")
        settings = run_settings(arguments.folder).with_changes(changes_of(arguments.set))
        out = new_folder(arguments.out or Path(f"runs/clone-{time.strftime('%Y%m%d-%H%M%S')}"))
        index = run_index(settings)
        cloned = Relearning(settings)
        for place in tqdm(index.places, desc=f"read {settings.folder.name}", unit=" steps", leave=False):
            if (step := decoded(place)).mode == Transition.MODE_DEMONSTRATE:
                cloned.lessons.take(step, learn=False)
        trainer = cloned.trainer
        count = len(trainer.replay.offline)
        if not count:
            raise SettingError(f"{settings.folder} holds no good demonstration to clone")
        with tqdm(total=arguments.updates, desc="clone", unit=" updates", leave=False) as bar:

            def told(loss: float) -> None:
                bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
                bar.update()

            trainer.clone(arguments.updates, told)
        write_settings(out, settings)
        path = cloned.save(out / "checkpoints")
    except (SettingError, LogError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"checkpoint: {path}")
    print(f"how well it does: hil-serl evaluate {out}")
    wall = time.monotonic() - started
    print(f"result: cloned demonstration_steps={count} updates={arguments.updates} wall_s={wall:.0f}")
    return 0
