"""What can be set of node ``cartesian_robot``; see :mod:`hil_serl_ros.nodes.cartesian_robot`."""

from __future__ import annotations

from dataclasses import dataclass

from hil_serl_ros.settings import SettingError, setting

NO_ROUTINE, WAYPOINTS, SERVICE = "none", "waypoints", "service"
NOBODY, PERSON = "none", "person"
PANDA = ("panda_joint1", "panda_joint2", "panda_joint3", "panda_joint4", "panda_joint5", "panda_joint6", "panda_joint7")
WAYPOINT = 4  # numbers of one: x y z, closure


@dataclass
class ArmSettings:
    """The arm's own topics, and how its target moves."""

    control_period: float = setting(0.1, "Time between two commands.", unit="s", minimum=0.01, maximum=1.0)
    publish_period: float = setting(0.02, "Time between two states.", unit="s", minimum=0.005, maximum=1.0)
    target_period: float = setting(
        0.01, "Time between two targets to the controller.", unit="s", minimum=0.001, maximum=0.1
    )
    base_frame: str = setting(
        "panda_link0", "The robot's base frame; the pose of the arm's driver must be in it (no leading slash)."
    )
    joint_names: list[str] = setting(list(PANDA), "The arm's joints, in the order of the observation.")
    arm_joint_states: str = setting("arm/joint_states", "Topic of the driver's JointState; it may have more joints.")
    arm_pose: str = setting("arm/current_pose", "Topic of the driver's PoseStamped of the tool.")
    arm_target: str = setting("arm/target_pose", "Topic of the Cartesian controller's target, a PoseStamped.")
    max_state_age: float = setting(
        0.1, "Age of the driver's state from which on the arm holds.", unit="s", minimum=0.005, maximum=1.0
    )
    max_lead: float = setting(
        0.05, "Largest distance of the target from the measured tool.", unit="m", minimum=0.005, maximum=0.5
    )
    max_turn: float = setting(
        0.3, "Largest angle of the target from the measured tool.", unit="rad", minimum=0.02, maximum=3.0
    )
    max_target_speed: float = setting(
        0.5, "Largest speed of the target on its way to the controller.", unit="m/s", minimum=0.01, maximum=2.0
    )
    max_target_rotation_speed: float = setting(
        1.2, "Largest angular speed of the target on that way.", unit="rad/s", minimum=0.01, maximum=6.0
    )
    gripper_command: str = setting(
        "arm/gripper_command", "Topic of the gripper's command, a Float64MultiArray of one number; empty: no gripper."
    )
    gripper_open: float = setting(1.0, "The command that opens the gripper, in its own unit.")
    gripper_closed: float = setting(0.0, "The command that closes it.")
    gripper_states: str = setting(
        "", "Topic of the gripper's JointState, from which its closure at the start is read; empty: it starts open."
    )
    gripper_joint: str = setting("", "The gripper's joint in that; empty: the first one.")
    gripper_state_open: float = setting(1.0, "Position of that joint where the gripper is open.")
    gripper_state_closed: float = setting(0.0, "Position of that joint where it is closed.")
    dry_run: bool = setting(
        False, "Move nothing: what would go to arm and gripper goes to dry_run/target_pose and dry_run/gripper_command."
    )
    restarts: int = setting(0, "How often it was killed and started again in this run.", minimum=0, maximum=4000)


@dataclass
class ResetSettings:
    """What a reset does between two episodes."""

    workspace_low: list[float] = setting([0.2, -0.3, 0.0], "Low corner of the workspace, as `safety` has it.", unit="m")
    workspace_high: list[float] = setting([0.6, 0.3, 0.5], "High corner of it.", unit="m")
    reset_routine: str = setting(
        NO_ROUTINE,
        "The way back: none, reset_waypoints one after the other, or the service reset_service of somebody's own.",
        choices=(NO_ROUTINE, WAYPOINTS, SERVICE),
    )
    # ROS cannot tell the type of an empty list, hence the zero.
    reset_waypoints: list[float] = setting(
        [0.0],
        "Of each waypoint x y z in m and the closure (0 open to 1 closed) that the gripper takes there; [0.0] is none.",
    )
    reset_orientation: list[float] = setting(
        [0.0], "Of the tool at the waypoints, a quaternion x y z w; [0.0] keeps the one that it has."
    )
    reset_speed: float = setting(0.1, "Speed on the way back.", unit="m/s", minimum=0.005, maximum=0.5)
    reset_tolerance: float = setting(
        0.02, "Distance to a waypoint at which it is reached.", unit="m", minimum=0.001, maximum=0.1
    )
    reset_patience: float = setting(
        3.0, "Longest time that the arm may lag behind at a waypoint.", unit="s", minimum=0.1, maximum=60.0
    )
    reset_service: str = setting("reset_routine", "Service (std_srvs/Trigger) that brings the arm back by itself.")
    service_patience: float = setting(
        120.0, "Longest time that reset_service may take.", unit="s", minimum=1.0, maximum=3600.0
    )
    scene_ready: str = setting(
        PERSON,
        "Who says that the scene is ready: nobody, the person, or the service scene_service and then the person.",
        choices=(NOBODY, PERSON, SERVICE),
    )
    scene_service: str = setting("scene_ready", "Service (std_srvs/Trigger) that looks whether the scene is ready.")


def waypoints(settings: ResetSettings) -> list[tuple[tuple[float, float, float], float]]:
    """Position (m) and closure of each waypoint.

    Raises:
        SettingError: not four numbers each, outside the workspace, or a closure that is none.
    """
    low, high = settings.workspace_low, settings.workspace_high
    if len(low) != 3 or len(high) != 3 or any(a >= b for a, b in zip(low, high, strict=True)):
        raise SettingError("workspace_low and workspace_high are corners x y z, low below high")
    numbers = settings.reset_waypoints
    if numbers in ([0.0], []):
        if settings.reset_routine == WAYPOINTS:
            raise SettingError("reset_routine is waypoints, and reset_waypoints has none: give x y z closure of each")
        return []
    if len(numbers) % WAYPOINT:
        raise SettingError(f"reset_waypoints has {len(numbers)} numbers; they are x y z closure of each waypoint")
    found = []
    for first in range(0, len(numbers), WAYPOINT):
        x, y, z, closure = numbers[first : first + WAYPOINT]
        if not all(a <= v <= b for a, v, b in zip(low, (x, y, z), high, strict=True)):
            raise SettingError(
                f"reset_waypoints: {[x, y, z]} lies outside the workspace {low} to {high}; move it inside, or make "
                "workspace_low and workspace_high of safety and of this node larger"
            )
        if not 0.0 <= closure <= 1.0:
            raise SettingError(f"reset_waypoints: the closure {closure} of {[x, y, z]} is not between 0 and 1")
        found.append(((x, y, z), closure))
    return found


def orientation(settings: ResetSettings) -> tuple[float, ...]:
    """Quaternion w x y z of the tool at the waypoints, of norm 1; empty: as it is.

    Raises:
        SettingError: no quaternion.
    """
    if settings.reset_orientation in ([0.0], []):
        return ()
    norm = sum(v * v for v in settings.reset_orientation) ** 0.5
    if len(settings.reset_orientation) != 4 or not 0.5 < norm < 2.0:
        raise SettingError(f"reset_orientation = {settings.reset_orientation} is no quaternion x y z w")
    x, y, z, w = (v / norm for v in settings.reset_orientation)
    return (w, x, y, z)
