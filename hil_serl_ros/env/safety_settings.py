"""What can be set of node ``safety``; see :mod:`hil_serl_ros.nodes.safety`."""

from __future__ import annotations

from dataclasses import dataclass

from hil_serl_ros.settings import setting


@dataclass
class SafetySettings:
    clock: str = setting("lockstep", "The robot's clock; watchdogs rest in lockstep.", choices=("lockstep", "realtime"))
    armed_at_start: bool = setting(False, "Start armed. For simulation only: a real arm is armed by a person.")
    workspace_low: list[float] = setting([0.2, -0.3, 0.0], "Low corner of the workspace in the base frame.", unit="m")
    workspace_high: list[float] = setting([0.6, 0.3, 0.5], "High corner of the workspace in the base frame.", unit="m")
    max_speed: float = setting(
        0.4331, "Largest speed of the tool's target; 25 mm on each axis in 0.1 s.", unit="m/s", minimum=0.0, maximum=2.0
    )
    max_rotation_speed: float = setting(
        1.0, "Largest angular speed of the tool's target.", unit="rad/s", minimum=0.0, maximum=6.0
    )
    max_acceleration: float = setting(
        10.0,
        "Largest change of the target's velocity; slowing down is always allowed.",
        unit="m/s^2",
        minimum=0.1,
        maximum=1000.0,
    )
    soft_edge: float = setting(
        0.01,
        "Distance to a wall of the workspace from which on the speed towards it falls, to none at the wall.",
        unit="m",
        minimum=0.0,
        maximum=0.2,
    )
    gripper_low: float = setting(0.0, "Smallest closure of the gripper, 0 is open.", minimum=0.0, maximum=1.0)
    gripper_high: float = setting(1.0, "Largest closure of the gripper, 1 is closed.", minimum=0.0, maximum=1.0)
    max_gripper_speed: float = setting(
        30.0, "Largest change of the gripper's closure.", unit="1/s", minimum=0.1, maximum=1000.0
    )
    max_command_age: float = setting(
        2.0,
        "Oldest observation that a command may answer; realtime only.",
        unit="control periods",
        minimum=0.5,
        maximum=50.0,
    )
    max_silence: float = setting(
        1.8,
        "Longest time without a command or a robot state until the arm counts as holding; realtime only.",
        unit="control periods",
        minimum=0.5,
        maximum=50.0,
    )
    max_operator_silence: float = setting(
        0.18, "Silence after which an operator's device is lost; realtime only.", unit="s", minimum=0.02, maximum=5.0
    )
    require_operator: bool = setting(
        False, "Hold unless some operator's device is there, whoever drives; realtime only."
    )
    restarts: int = setting(0, "How often it was killed and started again in this run.", minimum=0)
