"""Act with a checkpoint and learn nothing: ``ros2 launch hil_serl_ros policy.launch.py checkpoint:=FOLDER``."""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The nodes of the job, as the one description of the graph has them."""
    return job_description("policy")
