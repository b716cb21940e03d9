"""How much of the person's time calls for help save: the same training with and without them, one table.

Run ``python bench/help.py`` (half an hour). The operator that is not called watches the policy and helps in episodes
that have brought no success for a while; the called one watches nothing, comes when the policy asks and leaves when it
asks no more. Both show the same demonstrations first, and each last policy is evaluated by itself.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path

from graph_run import run_graph

UNTIL = 0.9  # success by itself, in the last WINDOW episodes of training
WINDOW = 20


@dataclass
class Row:
    """What the person gave to one run, in steps, and what came of it."""

    shown: int  # in demonstrations
    corrected: int
    until: int  # both, until the policy succeeded by itself in nine of ten episodes
    failures: int  # episodes of training that nobody saved
    success: str

    @staticmethod
    def of(folder: Path) -> Row:
        """Read a run's table of episodes."""
        with (folder / "episodes.csv").open() as table:
            rows = list(csv.DictReader(table))
        shown, corrected = (
            sum(int(r["operator_steps"]) for r in rows if r["mode"] == mode) for mode in ("demonstrate", "train")
        )
        trained = [r for r in rows if r["mode"] == "train"]
        good = [r["success"] == "True" for r in trained]
        alone = [well and r["operator_steps"] == "0" for well, r in zip(good, trained, strict=True)]
        ends = range(WINDOW, len(alone) + 1)
        end = next((end for end in ends if sum(alone[end - WINDOW : end]) >= UNTIL * WINDOW), len(alone))
        until = shown + sum(int(r["operator_steps"]) for r in trained[:end])
        judged = [r["success"] == "True" for r in rows if r["mode"] == "evaluate"]
        return Row(shown, corrected, until, good.count(False), f"{sum(judged)}/{len(judged)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--demonstrations", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3000, help="of training")
    parser.add_argument("--episodes", type=int, default=200, help="of evaluation")
    parser.add_argument("--keep", type=Path, help="folder for the runs; those that are there are read, not run again")
    given = parser.parse_args()
    settings = [f"demonstrations={given.demonstrations}", f"train_steps={given.steps}"]
    settings += [f"evaluate_episodes={given.episodes}"]
    print("| seed | the operator | shown | corrected | sum | until 18 of 20 alone | failures | evaluated |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as passing:
        for seed in given.seeds:
            rows = []
            for called in (False, True):
                folder = (given.keep or Path(passing)) / f"{seed}_{'called' if called else 'watching'}"
                if not (folder / "episodes.csv").exists():
                    changes = [f"seed={seed}", f"only_when_called={str(called).lower()}"]
                    run_graph(folder, *settings, *changes, seconds=1800)
                row = Row.of(folder)
                rows.append(row)
                print(
                    f"| {seed} | {'comes when called' if called else 'watches'} | {row.shown} | {row.corrected} | "
                    f"{row.shown + row.corrected} | {row.until} | {row.failures} | {row.success} |",
                    flush=True,
                )
            print(
                f"| {seed} | called / watching | | {rows[1].corrected / max(rows[0].corrected, 1):.2f} | "
                f"{(rows[1].shown + rows[1].corrected) / (rows[0].shown + rows[0].corrected):.2f} | "
                f"{rows[1].until / rows[0].until:.2f} | | |",
                flush=True,
            )


if __name__ == "__main__":
    main()
