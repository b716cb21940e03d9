"""The simulated robot and its tasks, and the scripted operator's brain. No ROS, no window."""
