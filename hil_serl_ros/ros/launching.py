"""The graph's description as a ROS 2 launch description; only launch files import this."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from hil_serl_ros.data.run_folder import RunFolder
from hil_serl_ros.graph import BESIDE, NodeProcess, nodes_of
from hil_serl_ros.installed import config_folder
from hil_serl_ros.lives import Lives
from hil_serl_ros.report.declared import nodes
from hil_serl_ros.shared_memory import remove_orphans

# Parameters that are worth an argument; every other one goes through a configuration file. What each is, its node says.
PARAMETERS = (
    "task", "run", "robot", "robots", "clock", "seed", "demonstrations", "train_steps", "evaluate_episodes",
    "checkpoint", "reward", "classifier", "vision_encoder", "demonstrations_folder", "viewer", "port", "dry_run",
)  # fmt: skip
ARGUMENTS = {
    "config": ("pick_cube", "installed configuration, or a parameter file"),
    "namespace": ("", "of the robot"),
    "run_folder": ("", "folder of the run; empty: runs/<job>-<time>"),
    "resume": ("false", "true: go on with the run in run_folder"),
    "simulated": (
        "true",
        "false: never the simulated robot, but the configuration's robot_node, or your own node",
    ),
    "respawn": ("true", "true: a node that a signal kills is started again; false: its end is the end of the graph"),
    "use_sim_time": ("false", "true: the nodes' clock is the robot's, on /clock"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
    "aggregate": ("false", "true: diagnostic_aggregator groups /diagnostics, where it is installed"),
}
SWITCHES = tuple(name for name, (default, _) in ARGUMENTS.items() if default in ("true", "false"))
AGGREGATOR = "diagnostic_aggregator"


def job_description(job: str, **defaults: str) -> LaunchDescription:
    """All nodes of ``job``; an argument left empty keeps the configuration's or the node's own value.

    Args:
        job: a name in ``graph.JOBS``.
        defaults: of arguments that are others here.
    """
    named = {name: (defaults.get(name, default), text) for name, (default, text) in ARGUMENTS.items()}
    named |= {name: ("", _description(name)) for name in PARAMETERS}
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text) for name, (default, text) in named.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=lambda context: _Job(job, context).entities())])


def _description(name: str) -> str:
    """What the node that has it says of a parameter, the actor before all others."""
    having = sorted(nodes(), key=lambda node: node.name != "policy_actor")
    fields = [field for node in having for group in node.groups for key, field in group.fields if key == name]
    meta = fields[0].metadata
    choices = f" One of: {', '.join(meta['choices'])}." if meta["choices"] else ""
    return f"{meta['description']}{choices} Empty: as the configuration has it"


class _Job:
    """One job with the arguments that were given.

    Raises:
        ValueError: one of ``SWITCHES`` is neither true nor false.
    """

    def __init__(self, job: str, context: LaunchContext) -> None:
        self.job = job
        self.given = {name: LaunchConfiguration(name).perform(context) for name in (*ARGUMENTS, *PARAMETERS)}
        for name in SWITCHES:
            if self.given[name].lower() not in ("true", "false"):
                raise ValueError(f"{name}:={self.given[name]} is neither true nor false")

    def yes(self, name: str) -> bool:
        """An argument that is true or false."""
        return self.given[name].lower() == "true"

    def entities(self) -> list[LaunchDescriptionEntity]:
        """The nodes, with the run's folder kept from other graphs until all of it ends."""
        changes: dict[str, Any] = {name: yaml.safe_load(self.given[name]) for name in PARAMETERS if self.given[name]}
        changes |= {"started": time.time(), "resume": self.yes("resume")}
        if self.yes("use_sim_time"):
            changes["use_sim_time"] = True
        name = f"{self.job}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder = Path(self.given["run_folder"] or Path("runs") / name).resolve()
        if self.job in BESIDE and self.given["run_folder"]:  # files of its own in the folder of a run that others have
            changes.setdefault("run", folder.name)
            folder /= name
        remove_orphans()  # of a graph before this one
        self.folder = RunFolder(folder, resume=self.yes("resume"))  # locked while this object lives
        simulated = self.yes("simulated")
        processes = nodes_of(self.job, folder, self.given["config"], changes, simulated=simulated)
        return [*(self.node(process, Lives()) for process in processes), *self.aggregator()]

    def node(self, process: NodeProcess, lives: Lives) -> Node:
        """One node in one of its lives."""
        lives.begin()
        again = [{"restarts": lives.restarts}] if lives.restarts else []
        return Node(
            package="hil_serl_ros",
            executable=process.name,
            namespace=process.namespace(self.given["namespace"]),
            parameters=[*(str(file) for file in process.parameter_files), *again],
            remappings=process.remapped(self.given["namespace"]),
            ros_arguments=["--log-level", self.given["log_level"]],
            output="screen",
            on_exit=self.ended(process, lives),
        )

    def ended(self, process: NodeProcess, lives: Lives) -> Callable:
        """What follows the end of a node: another life, or the end of the graph.

        The monitor ends when all is done, and any other end is a fault: both end the graph.
        """

        def follow(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
            if context.is_shutdown:
                return []
            if self.yes("respawn") and lives.again(event.returncode):
                remove_orphans()
                said = f"{process.title} was killed by signal {-event.returncode}; started again ({lives.restarts})"
                return [LogInfo(msg=said), self.node(process, lives)]
            return [Shutdown(reason=f"{process.title} ended with exit code {event.returncode}")]

        return follow

    def aggregator(self) -> list[LaunchDescriptionEntity]:
        """The node that groups what all say on /diagnostics, where that is asked for and there."""
        if not self.yes("aggregate"):
            return []
        try:
            get_package_prefix(AGGREGATOR)
        except PackageNotFoundError:
            return [LogInfo(msg=f"{AGGREGATOR} is not installed: apt install ros-jazzy-diagnostic-aggregator")]
        file = config_folder() / "diagnostics" / "aggregator.yaml"
        return [Node(package=AGGREGATOR, executable="aggregator_node", parameters=[str(file)], output="screen")]
