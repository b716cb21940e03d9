"""``hil-serl relearn``: train again from a run's log alone, to the same weights or to see what would have been."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hil_serl_ros.commands.job import changes_of
from hil_serl_ros.data.atomic import write_file
from hil_serl_ros.data.checkpoint import CheckpointError
from hil_serl_ros.data.metrics import TRAINING_COLUMNS
from hil_serl_ros.data.rows import read_rows
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.run_settings import CONFIG, RunSettings, run_settings, why_other_weights, write_parameters
from hil_serl_ros.data.same_weights import Comparison, checkpoint_folders, compare
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.data.table import Table
from hil_serl_ros.ros.relearning import Relearning, run_index
from hil_serl_ros.settings import SettingError

HARMLESS = {"log_freq"}  # no weights depend on it
COMPARED = ("critic_loss", "actor_loss", "value", "temperature", "entropy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another learner's parameter")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to make for metrics and a checkpoint")
    parser.add_argument("--until", type=int, metavar="STEP", help="learn from the first STEP steps of the log only")


def run(arguments: argparse.Namespace) -> int:
    """Learn again and compare; the exit code is 1 if weights differ that had to be the same."""
    try:
        logged = run_settings(arguments.folder)
        changes = changes_of(arguments.set)
        asked = not set(changes) <= HARMLESS
        out = _folder(arguments.out, default=f"runs/relearn-{time.strftime('%Y%m%d-%H%M%S')}" if asked else None)
        return _relearn(logged, changes, out, arguments.until)
    except (SettingError, LogError, CheckpointError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _folder(asked: Path | None, default: str | None) -> Path | None:
    out = asked or (Path(default) if default else None)
    return None if out is None else new_folder(out)


def new_folder(out: Path) -> Path:
    """``out``, if nothing is there yet.

    Raises:
        SettingError: something is.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingError(f"{out} exists already; choose another --out")
    return out


def _relearn(logged: RunSettings, changes: dict[str, Any], out: Path | None, until: int | None) -> int:
    started = time.monotonic()
    settings = logged.with_changes(changes)
    if until is not None and until < 1:
        raise SettingError(f"--until {until} leaves nothing to learn from")
    index = run_index(settings)
    steps = len(index.places) if until is None else min(until, len(index.places))
    changed = [] if set(changes) <= HARMLESS else logged.differences(settings)
    reasons = why_other_weights(settings)
    for sentence in index.notes:
        print(f"note: {sentence}")
    for sentence in changed:
        print(f"what if {sentence}")
    saved = {} if changed else checkpoint_folders(settings.folder)
    found: list[Comparison] = []
    rows: list[dict[str, float]] = []

    def updated() -> None:
        trainer = again.trainer
        if trainer.sac.updates % settings.node.log_freq == 0:
            rows.append({name: value for name, value in trainer.figures().items() if name in TRAINING_COLUMNS})
        if trainer.sac.updates in saved:
            found.append(compare(saved.pop(trainer.sac.updates), trainer.sac))
            tqdm.write(str(found[-1]))

    again = Relearning(settings, updated)
    with tqdm(total=steps, desc=f"relearn {settings.folder.name}", unit=" steps", leave=False) as bar:
        for _ in again.through(index, until):
            bar.set_postfix_str(f"{again.trainer.sac.updates} updates", refresh=False)
            bar.update()
    for sentence in again.rejected:
        print(f"note: {sentence}")
    if out is not None:
        _write(out, settings, again, rows)
    _say_figures(settings.folder, rows if changed else [])
    done = f"updates={again.trainer.sac.updates} steps={steps} wall_s={time.monotonic() - started:.0f}"
    if changed:
        print(f"result: learned with other settings {done}")
        return 0
    return _verdict(found, list(map(str, saved)) if until is None else [], reasons, done)


def _verdict(found: list[Comparison], missed: list[str], reasons: list[str], done: str) -> int:
    """Say whether the weights are the run's; the exit code."""
    for number in missed:
        print(f"note: checkpoint {int(number):06d} was not reached; the log ends before it")
    different = [each for each in found if not each.same]
    if different or not found:
        for reason in reasons:
            print(f"reason: {reason}")
    if not found:
        print(f"result: no checkpoint to compare with {done}")
        return 0
    if not different:
        print(f"result: same weights, bit for bit, at {_checkpoints(len(found))}, sha256={found[-1].sha256} {done}")
        return 0
    print(f"result: other weights from checkpoint {different[0].name} on {done}")
    return 0 if reasons else 1


def _checkpoints(count: int) -> str:
    return "1 checkpoint" if count == 1 else f"{count} checkpoints"


def write_settings(out: Path, settings: RunSettings) -> None:
    """Make ``out`` and write there what ``hil-serl evaluate`` takes from a run beside its weights."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.folder / CONFIG, out / CONFIG)
    write_parameters(out, settings)
    write_file(out / LAYOUT, settings.layout.to_json())


def _write(out: Path, settings: RunSettings, again: Relearning, rows: list[dict[str, float]]) -> None:
    """A run's folder without a log: settings, metrics and the last weights; ``hil-serl evaluate`` takes it."""
    write_settings(out, settings)
    table = Table(out / "metrics.csv", TRAINING_COLUMNS, key="updates")
    for row in rows:
        table.add(row)
    table.close()
    if not again.trainer.sac.updates:
        print("note: there was no update; no checkpoint is written")
        return
    print(f"checkpoint: {again.save(out / 'checkpoints')}")
    print(f"how well it does: hil-serl evaluate {out}")


def _say_figures(folder: Path, rows: list[dict[str, float]]) -> None:
    """The run's figures beside those of now, where both have the same number of updates."""
    before = {int(float(row["updates"])): row for row in read_rows(folder / "metrics.csv")}
    common = [row for row in rows if int(row["updates"]) in before]
    if not common:
        return
    print(f"{'updates':>8} " + " ".join(f"{name:>24}" for name in COMPARED) + "   (run -> now)")
    for row in common[:: max(1, len(common) // 8)]:
        old = before[int(row["updates"])]
        pairs = (f"{float(old[name]):.4g} -> {row[name]:.4g}" for name in COMPARED)
        print(f"{int(row['updates']):>8} " + " ".join(f"{pair:>24}" for pair in pairs))
