"""Between ROS and the rest: messages and arrays, QoS by kind of data, parameters from dataclasses."""
