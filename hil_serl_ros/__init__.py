"""HIL-SERL as ROS 2 nodes: a robot learns a manipulation task in minutes from a person."""
