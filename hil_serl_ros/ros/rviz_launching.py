"""rviz2 beside a running graph as a ROS 2 launch description; only a launch file imports this."""

from __future__ import annotations

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from hil_serl_ros.installed import config_folder
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.urdf import description_folder, write_urdf
from hil_serl_ros.sim.world import World

ARGUMENTS = {
    "namespace": ("", "of the robot"),
    "task": ("pick_cube", "task of the simulated world, whose robot is shown"),
    "simulated": ("true", "false: a real robot's driver publishes its description, joints' and cameras' frames"),
    "use_sim_time": ("", "whether the robot has a clock of its own; empty: as simulated"),
    "clock": ("/clock", "the robot's clock; NAMESPACE/clock of a simulated one of several that share a learner"),
    "parameters": ("", "parameter file for the node scene; empty: its own values"),
    "rviz_config": ("", "what rviz2 shows and how; empty: the installed hil_serl.rviz"),
}
# Names that rviz2 and tf2 hold to be everybody's, and that are one robot's own here.
SHARED = ("tf", "tf_static", "robot_description", "markers", "front/points", "wrist/points")
SHARED_PICTURES = ("front/image_raw", "wrist/image_raw")


def rviz_description() -> LaunchDescription:
    """The node ``scene``, and ``robot_state_publisher`` and ``rviz2`` where they are installed."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    simulated = given["simulated"].lower() == "true"
    simulated_time = {"use_sim_time": (given["use_sim_time"] or given["simulated"]).lower() == "true"}
    remappings = [(f"/{name}", name) for name in (*SHARED, *SHARED_PICTURES)]
    remappings.append(("/clock", given["clock"]))
    own = [given["parameters"]] if given["parameters"] else []
    started: list[LaunchDescriptionEntity] = [
        Node(
            package="hil_serl_ros",
            executable="scene",
            namespace=given["namespace"],
            parameters=[*own, {"task": given["task"], "simulated": simulated}],
            output="screen",
        )
    ]
    if simulated and _installed("robot_state_publisher", started):
        task = task_named(given["task"])
        text = write_urdf(World(task).model, description_folder(task.name))
        started.append(
            Node(
                package="robot_state_publisher",
                executable="robot_state_publisher",
                namespace=given["namespace"],
                parameters=[{"robot_description": ParameterValue(text, value_type=str), **simulated_time}],
                # With the gripper's joint, which `joint_states` does not have.
                remappings=[*remappings, ("joint_states", "shown_joint_states")],
                output="screen",
            )
        )
    if _installed("rviz2", started):
        started.append(
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=given["namespace"],
                arguments=["-d", given["rviz_config"] or str(config_folder() / "hil_serl.rviz")],
                parameters=[simulated_time],
                remappings=remappings,
                output="screen",
                on_exit=Shutdown(reason="rviz2 was closed"),
            )
        )
    return started


def _installed(package: str, started: list[LaunchDescriptionEntity]) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        wanted = f"apt install ros-jazzy-{package.replace('_', '-')}"
        started.append(LogInfo(msg=f"{package} is not installed, so it is not started: {wanted}"))
        return False
    return True
