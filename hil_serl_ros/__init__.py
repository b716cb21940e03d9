"""HIL-SERL as ROS 2 nodes: a robot learns a manipulation task in minutes from a person."""

from pkgutil import extend_path

# The generated messages (hil_serl_ros.msg, hil_serl_ros.srv) are installed; the sources may lie elsewhere,
# as in a checkout on PYTHONPATH before the installed package. Both are one package.
__path__ = extend_path(__path__, __name__)
