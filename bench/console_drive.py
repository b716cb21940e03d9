"""The operator's page, used as a person uses it: real keys and clicks in a headless Chromium, `hil-serl teach` behind.

Run ``python bench/console_drive.py`` (about six minutes; ``--pictures docs`` writes the screenshots). The person's
judgement is the scripted operator's; the hands are the page's keys, so all that moves the arm went through the page.
One table, a row for each thing that a person does; exit code 1 if one of them did not work.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from chromium import Chromium
from console_eyes import Eyes
from console_teaching import Teaching
from console_visit import START, Visit, free_port, served
from console_watching import Modes, Stopping, Watching

DOMAIN = os.environ.get("ROS_DOMAIN_ID", "92")


def drive(visit: Visit, demonstrations: int, episodes: int) -> None:
    """Everything, in the order of a person's first hour."""
    teaching, stopping, modes, watching = Teaching(visit), Stopping(visit), Modes(visit), Watching(visit)
    visit.row("open the page", teaching.opened)
    visit.row("take the seat", teaching.seated)
    visit.row(f"ask for {demonstrations} demonstrations", lambda: teaching.asked_to_show(demonstrations))
    visit.row("take over with Space", teaching.taken_over)
    visit.row("do the task with arrows, Shift and Ctrl", teaching.shown)
    visit.row("A: again, thrown away", lambda: teaching.labelled("KeyA"))
    visit.row("Backspace: a failed one, not counted", lambda: teaching.labelled("Backspace"))
    visit.row("Enter: a success", lambda: teaching.labelled("Enter"))
    visit.row("show the rest", lambda: teaching.all_shown(demonstrations))
    visit.row("train: the policy drives", teaching.trains)
    visit.row("intervene, hand back", teaching.corrected)
    visit.row("Backspace in training", teaching.labelled_in_training)
    visit.row(f"train {episodes} episodes, help where it gets nowhere", lambda: teaching.learns(episodes))
    visit.row("the policy asked for help", teaching.called)
    visit.row("S: emergency stop", stopping.stopped)
    visit.row("clear the stop, arm", stopping.cleared)
    visit.row("P: pause, resume", stopping.paused)
    visit.row("reset", stopping.reset)
    visit.row("a second visitor watches", watching.watched)
    visit.row("the second visitor plays a film", watching.played)
    visit.row("the second visitor stops the robot", watching.watcher_stops)
    visit.row("evaluate", modes.evaluated)
    visit.row("the robot does a demonstration again", modes.done_again)
    visit.row("free drive", modes.driven_freely)
    visit.row("close the page that drives", watching.closed)
    visit.row("the second visitor goes on", watching.goes_on)
    visit.row("the page on a phone", watching.on_a_phone)


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demonstrations", type=int, default=3, help="good ones (default: 3)")
    parser.add_argument("--episodes", type=int, default=10, help="of training (default: 10)")
    parser.add_argument("--run-folder", type=Path, help="of the run, which must not exist (default: a temporary one)")
    parser.add_argument("--pictures", type=Path, help="folder for console_*.png")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as of hil-serl teach")
    arguments = parser.parse_args()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with contextlib.ExitStack() as end:
        temporary = end.enter_context(tempfile.TemporaryDirectory())
        folder = (arguments.run_folder or Path(temporary) / "run").resolve()
        before = os.getloadavg()[0]
        address = end.enter_context(served(folder, free_port(), arguments.set, DOMAIN))
        eyes = end.enter_context(Eyes(int(DOMAIN)))
        eyes.until(lambda: eyes.actor.run and eyes.robot.control_period > 0, START)
        visit = Visit(eyes, end.enter_context(Chromium()), address, arguments.pictures)
        drive(visit, arguments.demonstrations, arguments.episodes)
    load = f"{os.cpu_count()} cores, load {before:.1f} before, {os.getloadavg()[0]:.1f} after, "
    load += f"page lost {sum(v.lost for v in visit.visitors)} times while it drove"
    print(f"\n| what a person does ({load}) | seen | ok |\n|---|---|---|")
    for what, seen, ok in visit.rows:
        print(f"| {what} | {seen} | {'yes' if ok else '**no**'} |")
    sys.exit(0 if all(ok for *_, ok in visit.rows) else 1)


if __name__ == "__main__":
    main()
