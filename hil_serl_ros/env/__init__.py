"""The robot as a Gymnasium environment over the ROS graph, and what turns actions into commands."""
