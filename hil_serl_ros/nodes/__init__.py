"""ROS nodes, one thin file each: parameters, state, interfaces, callbacks."""
