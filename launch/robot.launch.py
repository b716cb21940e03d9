"""Teach a real robot: ``ros2 launch hil_serl_ros robot.launch.py config:=FILE``.

Its node is the configuration's ``robot_node``, or your own, started by itself (docs/real_robot.md).
"""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The nodes of the job `teach` without the simulated robot."""
    return job_description("teach", config="panda", simulated="false")
