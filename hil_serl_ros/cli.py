"""``hil-serl``: bring the graph up without ``ros2 launch``, and look after it."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from hil_serl_ros.commands.job import changes_of, run_job
from hil_serl_ros.data.metrics import EVALUATION_HEAD, evaluation_row
from hil_serl_ros.data.run_folder import RunFolderError
from hil_serl_ros.graph import CONFIG, JOBS, robot_names
from hil_serl_ros.settings import SettingError

DEFAULT_CONFIG = "pick_cube"


def _parser(words: list[str]) -> argparse.ArgumentParser:
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
    train.add_argument("--robots", type=int, help="how many robots train one policy, in realtime (default: one)")
    train.add_argument("--job", choices=sorted(JOBS), default="train", help="which nodes to start")
    demo.set_defaults(config=DEFAULT_CONFIG, resume=False, demonstrations=None, job="train", robots=None)

    evaluate = commands.add_parser("evaluate", help="run policies greedily and count successes")
    evaluate.add_argument(
        "checkpoints",
        type=Path,
        nargs="+",
        metavar="CHECKPOINT",
        help="a pretrained_model folder (any policy of lerobot), or a run's folder (its last one); several: a table",
    )
    evaluate.add_argument("--episodes", type=int, default=200)
    evaluate.add_argument("--config", help="configuration (default: that of the checkpoint's run, else pick_cube)")
    evaluate.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter")

    _add(commands, words, ("demo-pixels",), "the same from cameras, success judged by a classifier", "demo_pixels")
    _add(commands, words, ("teach",), "teach the simulated arm yourself, from a web page or a gamepad", "teach")
    _add(commands, words, ("check",), "check that a person can do the task through their device", "check")
    _add(commands, words, ("keyboard",), "drive a running graph from this terminal's keyboard", "keyboard")
    _add(commands, words, ("crop",), "choose by eye what the policy sees of a camera, on a web page", "crop")
    _add(commands, words, ("episodes",), "recorded episodes of a run: list, label, rename, put aside", "episodes")
    _add(commands, words, ("clone",), "a policy from a run's demonstrations alone, by behaviour cloning", "clone")
    _add(commands, words, ("relearn",), "train again from a run's log alone: the same weights, or what if", "relearn")
    _add(
        commands,
        words,
        ("rerun",),
        "run a logged episode again in simulation, under any version of the weights",
        "rerun",
    )
    _add(commands, words, ("replay",), "do a recorded episode's actions again, in simulation or on a robot", "replay")
    _add(
        commands,
        words,
        ("report",),
        "one page about a run: curves, evaluation, worst episodes, configuration",
        "report",
    )
    _add(commands, words, ("security",), "an SROS2 policy file of the graph that runs now", "security")
    for name, text, subcommands in (
        (
            "classifier",
            "the reward classifier",
            (
                ("train", "train it on recorded runs", "classifier"),
                ("label", "label recorded episodes by eye, on a web page", "label"),
            ),
        ),
        ("encoder", "the vision encoder", (("train", "teach it the scene of recorded runs", "encoder"),)),
        (
            "dataset",
            "LeRobotDatasets",
            (
                ("export", "make one of a run's log or of bags", "dataset_export"),
                ("import", "take one as demonstrations", "dataset_import"),
            ),
        ),
    ):
        below = commands.add_parser(name, help=text).add_subparsers(dest="what", required=True, metavar="COMMAND")
        for what, help_text, module in subcommands:
            _add(below, words, (name, what), help_text, module)
    _add(commands, words, ("urdf",), "write the simulated robot's URDF and meshes, for rviz2", "urdf")
    _add(commands, words, ("conformance",), "check that a robot's own node keeps the contract", "conformance")
    _add(commands, words, ("parameters",), "print the page of every node's parameters", "parameters")
    _add(commands, words, ("messages",), "print the page of all messages and services", "messages")
    commands.add_parser("doctor", help="check this machine and say how to mend what is wrong")
    return parser


def _add(commands: argparse._SubParsersAction, words: list[str], path: tuple[str, ...], text: str, module: str) -> None:
    """A subcommand that a module of ``commands`` does; torch is loaded only where that is asked for."""
    parser = commands.add_parser(path[-1], help=text)
    if words[: len(path)] == [*path]:
        implementation = importlib.import_module(f"hil_serl_ros.commands.{module}")
        implementation.add_arguments(parser)
        parser.set_defaults(run=implementation.run)


def _train(arguments: argparse.Namespace) -> int:
    changes = changes_of(arguments.set) | {"started": time.time()}
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    if arguments.demonstrations is not None:
        if not arguments.demonstrations.is_dir():
            raise SettingError(f"there is no folder {arguments.demonstrations} to load demonstrations from")
        changes["demonstrations_folder"] = str(arguments.demonstrations.resolve())
    if arguments.robots is not None:
        if arguments.robots < 1:
            raise SettingError(f"--robots {arguments.robots}: there must be one at least")
        changes["robots"] = robot_names(arguments.robots)
    name = f"{Path(arguments.config or DEFAULT_CONFIG).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = (arguments.run_folder or Path("runs") / name).resolve()
    if arguments.resume and arguments.run_folder is None:
        raise SettingError("--resume needs --run-folder, the folder of the run to go on with")
    changes["resume"] = arguments.resume
    config = arguments.config or _config_of(folder if arguments.resume else None)
    return run_job(arguments.job, folder, config, changes, resume=arguments.resume)


def _evaluate(arguments: argparse.Namespace) -> int:
    changes = changes_of(arguments.set)
    checkpoints = [_pretrained(path) for path in arguments.checkpoints]
    tables: list[tuple[str, Path]] = []
    for path, checkpoint in zip(arguments.checkpoints, checkpoints, strict=True):
        own = changes | {"checkpoint": str(checkpoint.resolve()), "started": time.time()}
        own["evaluate_episodes"] = arguments.episodes
        stem = Path("runs") / f"evaluate-{time.strftime('%Y%m%d-%H%M%S')}"
        folder = stem if not stem.exists() else stem.with_name(f"{stem.name}-{len(tables)}")
        # <run>/checkpoints/<updates>/pretrained_model
        config = arguments.config or _config_of(next(iter(checkpoint.resolve().parents[2:3]), None))
        if code := run_job("evaluate", folder.resolve(), config, own):
            return code
        tables.append((str(path), folder / "episodes.csv"))
    if len(tables) > 1:
        print("\n".join(["", *EVALUATION_HEAD, *(evaluation_row(*table) for table in tables)]))
    return 0


def _pretrained(checkpoint: Path) -> Path:
    """The ``pretrained_model`` that was asked for."""
    if (checkpoint / "checkpoints").is_dir():
        checkpoint = checkpoint / "checkpoints" / "last" / "pretrained_model"
    if not (checkpoint / "config.json").is_file():
        raise SettingError(f"{checkpoint} is no pretrained_model folder: it has no config.json")
    return checkpoint


def _config_of(run: Path | None) -> str:
    """The configuration that a run was started with; without one, the demo's."""
    kept = run / CONFIG if run is not None else None
    return str(kept) if kept is not None and kept.is_file() else DEFAULT_CONFIG


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit code is 0 only if what was asked for was done."""
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser(words).parse_args(words)
    try:
        if hasattr(arguments, "run"):
            return int(arguments.run(arguments))
        if arguments.command == "doctor":
            from hil_serl_ros.doctor import main as doctor

            return doctor()
        return _evaluate(arguments) if arguments.command == "evaluate" else _train(arguments)
    except (SettingError, RunFolderError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
