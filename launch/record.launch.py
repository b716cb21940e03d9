"""Record a running graph's episodes, one bag each: ``ros2 launch hil_serl_ros record.launch.py run_folder:=FOLDER``."""

from hil_serl_ros.ros.launching import job_description


def generate_launch_description():
    """The node recorder, for a run that another launch file started with `record: false`."""
    return job_description("record")
