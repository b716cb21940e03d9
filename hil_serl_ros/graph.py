"""The one description of the graph: which nodes a job starts, with which parameters.

The launch files and ``hil-serl`` both read it; both hand the nodes the same parameter files.
"""

from __future__ import annotations

import os
import shutil
import sys
from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.data.versions import note_versions
from hil_serl_ros.installed import config_folder
from hil_serl_ros.known import check_names
from hil_serl_ros.robots import check_robots
from hil_serl_ros.settings import SettingError, check, setting
from hil_serl_ros.sim.tasks import TASKS, name_of, task_named

SIMULATION, REAL = "mujoco_bridge", "cartesian_robot"
OWN_ROBOT = "none"  # value of the parameter `robot_node`: whoever has a robot starts its node
# In the order of starting: safety first, the actor when all that it needs is on its way.
ROBOT = ("safety", SIMULATION, "state")
OPERATOR = ("joy_teleop", "scripted_operator")
HANDS = ("joy_device", "joy_teleop")
WHOLE = (*ROBOT, *OPERATOR, "learner", "recorder", "policy_actor", "monitor")
JOBS = {
    "sim": ROBOT,
    "collect": WHOLE,
    "train": WHOLE,
    "teach": (*ROBOT, *HANDS, "console", "learner", "recorder", "policy_actor", "monitor"),
    "check": (*ROBOT, *HANDS, "console", "policy_actor", "monitor"),
    "evaluate": (*ROBOT, "policy_actor", "monitor"),
    "policy": (*ROBOT, *HANDS, "policy_actor", "monitor"),
    "console": ("console",),
    "record": ("recorder",),
    "rerun": (*ROBOT, "rerunner"),
    "replay": (*ROBOT, "policy_actor", "replayer"),
    "replay_on_robot": ("safety", "state", *HANDS, "policy_actor", "replayer"),
}
ONLY_SIMULATED = ("rerun", "replay")  # whatever robot the run was of
BESIDE = ("console", "record")  # jobs beside the graph of another run
CLASSIFIER = "classifier"  # value of the actor's parameters `reward` and `evaluation_reward`
# Nobody is there to show anything, nor to learn or to ask for more, where a policy is evaluated; nor is its training's
# judge.
ONLY_EVALUATE = {
    "collect_episodes": 0,
    "demonstrations": 0,
    "train_steps": 0,
    "reward": "ground_truth",
    "interactive": False,
}
# Somebody stands beside the robot, and may take over.
ONLY_ACT = {name: value for name, value in ONLY_EVALUATE.items() if name != "reward"}
WORKSPACE = ("workspace_low", "workspace_high")
CONFIG = "config.yaml"  # a run's own copy of its configuration
ONE = [""]  # value of the parameter `robots` where one robot is in the learner's own namespace
SHARED_NODES = ("learner", "monitor")  # of several robots; all other nodes are each robot's own
SHARED_TOPICS = ("weights", "learner_status")  # from the learner to all robots
SHARED_OUT = ("collect_episodes", "demonstrations", "train_steps", "evaluate_episodes")  # among several robots
FLEET_JOBS = ("sim", "collect", "train", "evaluate")  # the others are about one robot and its person
SEEDS_APART = 100_003  # between the seeds of two robots


@dataclass
class JobSettings:
    """What a configuration says of the job itself, beside the nodes' own parameters."""

    robot_node: str = setting(
        SIMULATION,
        "Node that is the robot; none: a node of your own, started by itself.",
        choices=(SIMULATION, REAL, OWN_ROBOT),
    )


@dataclass(frozen=True)
class NodeProcess:
    """One node of a job: the executable's name and the parameter files that it is started with.

    ``robot`` is the namespace, inside that of the run, of a node that is one of several robots' own.
    """

    name: str
    parameter_files: tuple[Path, ...]
    robot: str = ""

    @property
    def title(self) -> str:
        """Its name among all nodes of the job."""
        return f"{self.robot}/{self.name}" if self.robot else self.name

    def namespace(self, run: str = "") -> str:
        """The node's namespace in a graph that stands in the namespace ``run``; empty: none."""
        parts = [part for part in (run.strip("/"), self.robot) if part]
        return "/" + "/".join(parts) if parts else ""

    def remapped(self, run: str = "") -> list[tuple[str, str]]:
        """Names that it must see otherwise: what the learner tells all robots, and a simulator's clock."""
        if not self.robot:  # two runs in two namespaces have two clocks
            return [("/clock", f"{self.namespace(run)}/clock")] if run else []
        outside = f"/{run.strip('/')}/" if run.strip("/") else "/"
        return [(topic, outside + topic) for topic in SHARED_TOPICS] + [("/clock", f"{self.namespace(run)}/clock")]

    def command(self, remappings: tuple[str, ...] = ()) -> list[str]:
        """The command line that starts it, without ``ros2 run``."""
        own = [f"__ns:={self.namespace()}", *(f"{a}:={b}" for a, b in self.remapped())] if self.robot else []
        remappings = (*own, *remappings)
        arguments = [a for file in self.parameter_files for a in ("--params-file", str(file))]
        arguments += [a for remapping in remappings for a in ("-r", remapping)]
        if os.environ.get("ROS_SECURITY_ENABLE") == "true":  # each node has keys of its own (docs/security.md)
            arguments += ["--enclave", f"{self.namespace() if self.robot else ''}/{self.name}"]
        return [sys.executable, "-m", f"hil_serl_ros.nodes.{self.name}", "--ros-args", *arguments]


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


def nodes_of(
    job: str, run_folder: Path, config: str, changes: dict[str, Any], *, simulated: bool = True
) -> list[NodeProcess]:
    """The nodes of ``job``, and the file of this run's parameters written to ``run_folder``.

    Args:
        job: a name in ``JOBS``.
        run_folder: of the run; it exists.
        config: name or path of a parameter file that holds what differs from the nodes' defaults.
        changes: parameters of this run for every node that has them; they win over ``config``. With ``robots``, a
            list of names, each robot's nodes are in a namespace of its own, beside one learner and one monitor.
        simulated: with the simulated robot, unless ``robot_node`` names another one; without it, never.

    Raises:
        SettingError: an unknown job, configuration or robot, a task that shall be simulated and cannot, or robots
            that cannot share a learner.
    """
    if job not in JOBS:
        raise SettingError(f"there is no job {job}; choose one of {', '.join(JOBS)}")
    file = config_file(config)
    written = run_folder / "parameters.yaml"
    try:
        # A run that is gone on with keeps what it was started with; what is asked for now stands above it.
        own = {**_shared(written), **changes} if written.is_file() else dict(changes)
        check_names(_all_names(file), file.name)
        together = _shared(file) | own
        task = TASKS.get(name_of(together.get("task", "pick_cube")))
        robot = _robot_node(job, together, simulated)
        if task is None and robot == SIMULATION and SIMULATION in JOBS[job]:
            task_named(together["task"])  # which refuses it
    except (yaml.YAMLError, AttributeError) as error:
        raise SettingError(f"{file} is not a ROS parameter file: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise SettingError(str(error)) from None
    robots = _robots(job, together)
    if robots != ONE:
        own |= {"clock": "realtime", "robots": robots}
    if job in ("evaluate", "policy"):
        own |= ONLY_EVALUATE if job == "evaluate" else ONLY_ACT
    own |= {"run_folder": str(run_folder), "run": own.get("run", run_folder.name)}
    kept = run_folder / CONFIG
    if file != kept:
        shutil.copyfile(file, kept)
    workspace = {name: list(map(float, getattr(task, name))) for name in WORKSPACE if task is not None}
    # A real cell has a workspace of its own; only where the configuration says nothing is it the simulated task's.
    workspace = {name: box for name, box in workspace.items() if name not in {*_all_names(kept), *own}}
    parameters = {"/**": {"ros__parameters": own}}
    if workspace:
        # ROS's parser knows no YAML aliases, which one and the same dictionary would become.
        parameters |= {f"/**/{node}": {"ros__parameters": deepcopy(workspace)} for node in ("safety", REAL)}
    written.write_text(
        "# Written at the start of the run; it stands above the configuration.\n" + yaml.safe_dump(parameters)
    )
    note_versions(run_folder)
    record = (_shared(kept) | own).get("record", True)
    wanted = {"recorder": record or job == "record", SIMULATION: robot}
    names = [robot if name == SIMULATION else name for name in JOBS[job] if wanted.get(name, True)]
    judges = {(_shared(kept) | own).get(name) for name in ("reward", "evaluation_reward")}
    if "policy_actor" in names and CLASSIFIER in judges:
        names.insert(names.index("policy_actor"), "reward_classifier")
    if robots == ONE:
        return [NodeProcess(name, (kept, written)) for name in names]
    files = {name: _robot_file(run_folder, k, robots, _shared(kept) | own) for k, name in enumerate(robots)}
    processes = []
    for name in names:
        spaces = [""] if name in SHARED_NODES else robots
        processes += [NodeProcess(name, (kept, written, *files.get(space, ())), space) for space in spaces]
    return processes


def robot_names(count: int) -> list[str]:
    """Names of ``count`` robots: the value of the parameter ``robots``."""
    return [f"robot_{k}" for k in range(count)] if count > 1 else ONE


def _robot_node(job: str, parameters: dict[str, Any], simulated: bool) -> str:
    """The node that is the robot; empty: whoever has one starts it.

    Raises:
        SettingError: there is none of that name, or it cannot keep the clock.
    """
    (field,) = fields(JobSettings)
    robot = SIMULATION if job in ONLY_SIMULATED else parameters.get("robot_node", SIMULATION)
    check(field, robot)
    if robot == REAL and parameters.get("clock", "lockstep") != "realtime":
        raise SettingError(f"robot_node is {REAL}, which keeps real time: set clock to realtime")
    return "" if robot == OWN_ROBOT or (robot == SIMULATION and not simulated) else str(robot)


def _robots(job: str, parameters: dict[str, Any]) -> list[str]:
    """The robots of a run.

    Raises:
        SettingError: names that are none, a job for one robot, or lockstep.
    """
    robots = parameters.get("robots", ONE)
    if not isinstance(robots, list) or not robots:
        raise SettingError(f"robots is {robots!r}; it must be a list of names")
    names = [str(robot) for robot in robots]
    if names != ONE and job not in FLEET_JOBS:
        raise SettingError(f"job {job} is for one robot; several can do {', '.join(FLEET_JOBS)}")
    check_robots(names, parameters.get("clock", "realtime"))
    return names


def _robot_file(run_folder: Path, k: int, robots: list[str], parameters: dict[str, Any]) -> tuple[Path]:
    """The file with what is robot ``k``'s own: its name, its seed, and its part of what there is to do."""
    own: dict[str, Any] = {"robot": robots[k], "seed": int(parameters.get("seed", 0)) + SEEDS_APART * k}
    for name in SHARED_OUT:
        ends = [int(parameters.get(name, 0)) * i // len(robots) for i in (k, k + 1)]
        own[name] = ends[1] - ends[0]
        if name == "evaluate_episodes":
            own["evaluate_from"] = ends[0]
    file = run_folder / f"{robots[k]}.yaml"
    text = yaml.safe_dump({"/**": {"ros__parameters": own}})
    file.write_text(f"# Written at the start of the run; what is {robots[k]}'s own.\n{text}")
    return (file,)


def _all_names(file: Path) -> list[str]:
    """All parameters that a file names."""
    content = yaml.safe_load(file.read_text()) or {}
    return [name for part in content.values() for name in part.get("ros__parameters", {})]


def _shared(file: Path) -> dict[str, Any]:
    """The parameters that a file gives to every node."""
    content = yaml.safe_load(file.read_text()) or {}
    return dict(content.get("/**", {}).get("ros__parameters", {}))
