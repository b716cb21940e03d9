"""The one description of the graph: which nodes a job starts, with which parameters.

The launch files and ``hil-serl`` both read it; both hand the nodes the same parameter files.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.tasks import task_named

# In the order of starting: safety first, the actor when all that it needs is on its way.
ROBOT = ("safety", "mujoco_bridge", "state")
OPERATOR = ("joy_teleop", "scripted_operator")
JOBS = {
    "sim": ROBOT,
    "train": (*ROBOT, *OPERATOR, "learner", "policy_actor", "monitor"),
    "teleop": (*ROBOT, "joy_teleop", "learner", "policy_actor", "monitor"),
    "evaluate": (*ROBOT, "policy_actor", "monitor"),
}
CONFIG = "config.yaml"  # a run's own copy of its configuration
NICED = {"learner": 5}  # below the control path: two cores are a design limit


@dataclass(frozen=True)
class NodeProcess:
    """One node of a job: the executable's name and the parameter files that it is started with."""

    name: str
    parameter_files: tuple[Path, ...]
    nice: int = 0

    def command(self, remappings: tuple[str, ...] = ()) -> list[str]:
        """The command line that starts it, without ``ros2 run``."""
        arguments = [a for file in self.parameter_files for a in ("--params-file", str(file))]
        arguments += [a for remapping in remappings for a in ("-r", remapping)]
        command = [sys.executable, "-m", f"hil_serl_ros.nodes.{self.name}", "--ros-args", *arguments]
        return ["nice", "-n", str(self.nice), *command] if self.nice else command


def config_folder() -> Path:
    """The installed ``config`` folder, or the one beside the sources.

    Raises:
        FileNotFoundError: neither is there.
    """
    package = Path(__file__).resolve().parent
    # colcon and pip install both give <prefix>/share/hil_serl_ros/config.
    candidates = [package.parent / "config", *(p / "share/hil_serl_ros/config" for p in package.parents)]
    for folder in candidates:
        if (folder / "pick_cube.yaml").is_file():
            return folder
    raise FileNotFoundError("the folder config of hil_serl_ros is not installed; install the package again")


def config_file(name: str) -> Path:
    """A parameter file by path, or by name from the installed ``config`` folder.

    Raises:
        SettingError: there is no such file; the sentence lists those that are installed.
    """
    for path in (Path(name), config_folder() / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in config_folder().glob("*.yaml")))
    raise SettingError(f"there is no configuration {name}; installed are {known}, or give a file's path")


def nodes_of(job: str, run_folder: Path, config: str, changes: dict[str, Any]) -> list[NodeProcess]:
    """The nodes of ``job``, and the file of this run's parameters written to ``run_folder``.

    Args:
        job: a name in ``JOBS``.
        run_folder: of the run; it exists.
        config: name or path of a parameter file that holds what differs from the nodes' defaults.
        changes: parameters of this run for every node that has them; they win over ``config``.

    Raises:
        SettingError: an unknown job, configuration or task.
    """
    if job not in JOBS:
        raise SettingError(f"there is no job {job}; choose one of {', '.join(JOBS)}")
    file = config_file(config)
    written = run_folder / "parameters.yaml"
    try:
        # A run that is gone on with keeps what it was started with; what is asked for now stands above it.
        own = {**_shared(written), **changes} if written.is_file() else dict(changes)
        task = task_named((_shared(file) | own).get("task", "pick_cube"))
    except (yaml.YAMLError, AttributeError) as error:
        raise SettingError(f"{file} is not a ROS parameter file: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise SettingError(str(error)) from None
    own |= {"run_folder": str(run_folder), "run": own.get("run", run_folder.name)}
    kept = run_folder / CONFIG
    if file != kept:
        shutil.copyfile(file, kept)
    workspace = {"workspace_low": list(map(float, task.workspace_low))}
    workspace["workspace_high"] = list(map(float, task.workspace_high))
    parameters = {"/**": {"ros__parameters": own}, "/**/safety": {"ros__parameters": workspace}}
    written.write_text(
        "# Written at the start of the run; it stands above the configuration.\n" + yaml.safe_dump(parameters)
    )
    return [NodeProcess(name, (kept, written), NICED.get(name, 0)) for name in JOBS[job]]


def _shared(file: Path) -> dict[str, Any]:
    """The parameters that a file gives to every node."""
    content = yaml.safe_load(file.read_text()) or {}
    return dict(content.get("/**", {}).get("ros__parameters", {}))
