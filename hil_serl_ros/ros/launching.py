"""The graph's description as a ROS 2 launch description; only launch files import this."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from hil_serl_ros.graph import nodes_of

# Parameters that are worth an argument; every other one goes through a configuration file.
ARGUMENTS = {
    "task": "task of the simulated world",
    "clock": "lockstep (as fast as it can) or realtime (at wall speed)",
    "seed": "seed of the run",
    "train_steps": "robot steps until which to train",
    "evaluate_episodes": "greedy episodes at the end",
    "checkpoint": "pretrained_model folder to act with",
    "viewer": "true opens a window on the simulated world",
}


def job_description(job: str) -> LaunchDescription:
    """All nodes of ``job``; an argument left empty keeps the configuration's or the node's own value."""
    named = {"config": ("pick_cube", "installed configuration or a parameter file"), "namespace": ("", "of the robot")}
    named["run_folder"] = ("", "folder of the run; empty: runs/<job>-<time>")
    named |= {name: ("", text) for name, text in ARGUMENTS.items()}
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text) for name, (default, text) in named.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=lambda context: _nodes(job, context))])


def _nodes(job: str, context: LaunchContext) -> list[Node]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    changes: dict[str, Any] = {name: yaml.safe_load(value(name)) for name in ARGUMENTS if value(name)}
    changes["started"] = time.time()
    folder = Path(value("run_folder") or f"runs/{job}-{time.strftime('%Y%m%d-%H%M%S')}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return [
        Node(
            package="hil_serl_ros",
            executable=process.name,
            namespace=value("namespace"),
            parameters=[str(file) for file in process.parameter_files],
            prefix=f"nice -n {process.nice}" if process.nice else None,
            output="screen",
            # The monitor ends when the schedule is done, and any other end is a fault: both end the graph.
            on_exit=Shutdown(reason=f"{process.name} ended"),
        )
        for process in nodes_of(job, folder, value("config"), changes)
    ]
