"""Train a task: ``ros2 launch hil_serl_ros train.launch.py config:=pick_cube run_folder:=runs/first``."""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The nodes of the job, as the one description of the graph has them."""
    return job_description("train")
