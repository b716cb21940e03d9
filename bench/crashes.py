"""Checkpoints whose writer is killed at random moments: is there always a whole one to go on from? One table.

Run ``python bench/crashes.py`` (about three minutes: 200 kills). A process saves one checkpoint after the other; it is
killed by SIGKILL, and what it leaves is looked at by what a restarted learner uses.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import torch

from hil_serl_ros.data.checkpoint import Checkpoints, newest, resume
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings

LAYOUT = panda_layout()
SETTINGS = LearnerSettings()


def save_for_ever(checkpoints: Checkpoints, sac: SAC, start: int, told: int) -> None:
    """Save checkpoints with weights that all hold their number, and tell each that is done."""
    for number in range(start, 10**6):
        sac.updates = number
        for parameters in (sac.trunk, sac.actor, sac.target):
            parameters.flat.fill_(number)
        checkpoints.save(number, sac, {}, {"transitions": number})
        os.write(told, number.to_bytes(8, "little"))


def main() -> int:
    """Crash, look and print; the exit code is 1 if a checkpoint was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crashes", type=int, default=200)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # the child needs none of the others
    choose = random.Random(0)
    sac = SAC(LAYOUT, SETTINGS)
    lost = damaged = half = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "checkpoints"
        checkpoints = Checkpoints(folder, LAYOUT, SETTINGS)
        checkpoints.prepare()
        done, start = -1, 0
        for crash in range(arguments.crashes):
            ours, theirs = os.pipe()
            if (child := os.fork()) == 0:
                torch.set_num_threads(1)
                save_for_ever(checkpoints, sac, start, theirs)
            os.close(theirs)
            for _ in range(1 + crash % 2):  # at least one is saved in each life
                done = int.from_bytes(os.read(ours, 8), "little")
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            signal.sigtimedwait([], choose.uniform(0, 0.15))  # a random moment of the next one
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            while said := os.read(ours, 8):
                done = int.from_bytes(said, "little")
            os.close(ours)
            words: list[str] = []
            path = newest(folder, words.append)
            damaged += len(words)
            half += any(entry.name.startswith(".partial-") for entry in folder.iterdir())
            if path is None:
                lost += 1
                continue
            state = resume(path, sac)
            tensors = [*sac.trunk.values.values(), *sac.actor.values.values()]
            whole = all(bool((tensor == state.step).all()) for tensor in tensors)
            lost += not whole or state.step < done
            start = state.step + 1
            for old in sorted(folder.glob("[0-9]*"))[:-2]:
                for file in sorted(old.rglob("*"), reverse=True):
                    file.unlink() if file.is_file() else file.rmdir()
                old.rmdir()
    print("\n| checkpoints, writer killed at random moments | |\n|---|---|")
    print(f"| kills | {arguments.crashes} |")
    print(f"| kills amid a save (half a checkpoint was left aside) | {half} |")
    print(f"| times that the newest finished checkpoint was not whole | {lost} |")
    print(f"| checkpoints that were found damaged | {damaged} |")
    return int(lost > 0 or damaged > 0)


if __name__ == "__main__":
    sys.exit(main())
