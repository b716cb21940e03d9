"""See a running robot in rviz2: ``ros2 launch hil_serl_ros rviz.launch.py``, beside any other launch file."""

from hil_serl_ros.ros.rviz_launching import rviz_description


def generate_launch_description():
    """The node ``scene`` with robot_state_publisher and rviz2."""
    return rviz_description()
