"""``hil-serl``: bring the graph up without ``ros2 launch``, and look after it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.data.run_folder import RunFolder, RunFolderError
from hil_serl_ros.graph import CONFIG, JOBS, config_file, nodes_of
from hil_serl_ros.settings import SettingError

DEFAULT_CONFIG = "pick_cube"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hil-serl", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="teach the simulated Panda to pick up a cube, and evaluate it")
    train = commands.add_parser("train", help="train a task; the operator corrects")
    for command in (demo, train):
        command.add_argument("--seed", type=int, help="seed of the run (cubes, weights, operator)")
        command.add_argument("--run-folder", type=Path, help="where the run goes (default: runs/<config>-<time>)")
        command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter")
    train.add_argument("--config", help="installed configuration or a parameter file (default: pick_cube)")
    train.add_argument("--resume", action="store_true", help="go on with the run in --run-folder")
    train.add_argument("--demonstrations", type=Path, help="folder with a log of demonstrations to start from")
    train.add_argument("--job", choices=sorted(JOBS), default="train", help="which nodes to start")
    demo.set_defaults(config=DEFAULT_CONFIG, resume=False, demonstrations=None, job="train")

    evaluate = commands.add_parser("evaluate", help="run a checkpoint's policy greedily and count successes")
    evaluate.add_argument("checkpoint", type=Path, help="a pretrained_model folder, or a run's folder (its last one)")
    evaluate.add_argument("--episodes", type=int, default=200)
    evaluate.add_argument("--config", help="configuration (default: that of the checkpoint's run, else pick_cube)")
    evaluate.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter")

    commands.add_parser("doctor", help="check this machine and say how to mend what is wrong")
    return parser


def _changes(pairs: list[str]) -> dict[str, Any]:
    changes = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise SettingError(f"--set {pair} is not NAME=VALUE")
        try:
            changes[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SettingError(f"--set {pair}: the value cannot be read as YAML") from None
    return changes


def _train(arguments: argparse.Namespace) -> int:
    changes = _changes(arguments.set) | {"started": time.time()}
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    if arguments.demonstrations is not None:
        if not arguments.demonstrations.is_dir():
            raise SettingError(f"there is no folder {arguments.demonstrations} to load demonstrations from")
        changes["demonstrations_folder"] = str(arguments.demonstrations.resolve())
    name = f"{Path(arguments.config or DEFAULT_CONFIG).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = (arguments.run_folder or Path("runs") / name).resolve()
    if arguments.resume and arguments.run_folder is None:
        raise SettingError("--resume needs --run-folder, the folder of the run to go on with")
    changes["resume"] = arguments.resume
    config = arguments.config or _config_of(folder if arguments.resume else None)
    return _run(arguments.job, folder, config, changes, resume=arguments.resume)


def _evaluate(arguments: argparse.Namespace) -> int:
    checkpoint = arguments.checkpoint
    if (checkpoint / "checkpoints").is_dir():
        checkpoint = checkpoint / "checkpoints" / "last" / "pretrained_model"
    if not (checkpoint / "config.json").is_file():
        raise SettingError(f"{checkpoint} is no pretrained_model folder: it has no config.json")
    changes = _changes(arguments.set) | {"checkpoint": str(checkpoint.resolve()), "started": time.time()}
    changes |= {"evaluate_episodes": arguments.episodes, "demonstrations": 0, "train_steps": 0}
    folder = Path("runs") / f"evaluate-{time.strftime('%Y%m%d-%H%M%S')}"
    # <run>/checkpoints/<updates>/pretrained_model
    config = arguments.config or _config_of(next(iter(checkpoint.resolve().parents[2:3]), None))
    return _run("evaluate", folder.resolve(), config, changes, resume=False)


def _config_of(run: Path | None) -> str:
    """The configuration that a run was started with; without one, the demo's."""
    kept = run / CONFIG if run is not None else None
    return str(kept) if kept is not None and kept.is_file() else DEFAULT_CONFIG


def _run(job: str, folder: Path, config: str, changes: dict[str, Any], *, resume: bool) -> int:
    from hil_serl_ros.ros.discovery import names
    from hil_serl_ros.supervise import supervise

    config_file(config)  # before anything is written
    environment = {"ROS_AUTOMATIC_DISCOVERY_RANGE": os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")}
    os.environ.update(environment)
    strangers = sorted({name for name in names(1.5) if name.rsplit("/", 1)[-1] in JOBS[job]})
    if strangers:
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        raise SettingError(
            f"another graph runs in ROS domain {domain} ({', '.join(strangers)}); "
            "stop it, or set ROS_DOMAIN_ID to another number from 0 to 101"
        )
    with RunFolder(folder, resume=resume) as run:
        nodes = nodes_of(job, run.path, config, changes)
        return supervise(nodes, run.path / "output.log", environment, ())


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit code is 0 only if what was asked for was done."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "doctor":
            from hil_serl_ros.doctor import main as doctor

            return doctor()
        return _evaluate(arguments) if arguments.command == "evaluate" else _train(arguments)
    except (SettingError, RunFolderError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
