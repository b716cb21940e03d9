"""Teach a task yourself, on the web page: ``ros2 launch hil_serl_ros teach.launch.py``."""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The nodes of the job, as the one description of the graph has them."""
    return job_description("teach", config="teach")
