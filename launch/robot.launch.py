"""Teach a real robot, whose node is started by itself: ``ros2 launch hil_serl_ros robot.launch.py config:=FILE``."""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The nodes of the job `teach` without the simulated robot."""
    return job_description("teach", simulated="false")
