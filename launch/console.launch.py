"""The operator's web page beside a running graph: ``ros2 launch hil_serl_ros console.launch.py``."""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The node console."""
    return job_description("console", config="teach")
