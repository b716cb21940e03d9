"""Evaluate a checkpoint: ``ros2 launch hil_serl_ros evaluate.launch.py checkpoint:=FOLDER evaluate_episodes:=200``."""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The nodes of the job, as the one description of the graph has them."""
    return job_description("evaluate")
