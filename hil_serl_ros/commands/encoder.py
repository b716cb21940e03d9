"""``hil-serl encoder train``: a small vision encoder that knows the scene of recorded runs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hil_serl_ros.commands.classifier import read_episodes
from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.labelled import LabelledError, check_alike
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.learning.encoder import save
from hil_serl_ros.learning.pretraining import PretrainingSettings, pretrain
from hil_serl_ros.settings import SettingError, validate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    defaults = PretrainingSettings()
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of recorded runs")
    parser.add_argument("--output", type=Path, default=Path("encoder"), help="folder to make (default: encoder)")
    parser.add_argument("--steps", type=int, default=defaults.pretraining_steps, help="of the optimizer")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="of everything random (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    """Read, train, save; the exit code is 0 only if there is an encoder then."""
    started = time.monotonic()
    try:
        settings = validate(PretrainingSettings(pretraining_steps=arguments.steps, seed=arguments.seed))
        output = arguments.output.resolve()
        if output.exists():
            raise SettingError(f"{output} exists already; choose another --output")
        episodes = [episode for folder in arguments.runs for episode in read_episodes(folder)]
        check_alike(episodes)
        pictures = np.concatenate([episode.pictures for episode in episodes])
        with tqdm(total=settings.pretraining_steps, desc="teach the encoder", unit=" steps") as bar:

            def told(step: int, loss: float) -> None:
                bar.set_postfix_str(f"unexplained {100 * loss:.0f} %", refresh=False)
                bar.update(step - bar.n)

            encoder = pretrain(pictures, settings, told)
        save(encoder, output)
    except (LabelledError, DemonstrationsError, LogError, SettingError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"encoder: {output}")
    print(f"result: pictures={pictures.shape[0] * pictures.shape[1]} wall_s={time.monotonic() - started:.0f}")
    return 0
