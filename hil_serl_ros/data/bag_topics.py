"""Which topics a robot's graph has, and what the recorder needs to know of each. QoS is in `ros/qos.py`."""

from __future__ import annotations

from dataclasses import dataclass

from hil_serl_ros.data.bag_file import Topic

PICTURES = frozenset(["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"])
CAMERA = PICTURES | {"sensor_msgs/msg/CameraInfo"}
COMMAND, EXECUTED, TRANSITIONS = "command", "command_executed", "transitions"
STATUS, ACTOR, EPISODES = "robot_status", "actor_status", "episodes"


@dataclass(frozen=True)
class Known:
    """A topic of our own nodes, by its relative name.

    Attributes:
        type_name: as ``std_msgs/msg/String``.
        profile: name of the quality in `ros/qos.py`.
        answers: its stamp is the robot's time in realtime too.
        stream: one message for each state of the robot.
        needed: every robot has it.
        clocked: in lockstep its stamp is the robot's time.
    """

    type_name: str
    profile: str
    answers: bool = False
    stream: bool = False
    needed: bool = False
    clocked: bool = True


OWN = "hil_serl_ros/msg"
KNOWN = {
    "joint_states": Known("sensor_msgs/msg/JointState", "state", stream=True, needed=True),
    "tool_pose": Known("geometry_msgs/msg/PoseStamped", "state", stream=True, needed=True),
    "tool_twist": Known("geometry_msgs/msg/TwistStamped", "state", stream=True),
    "task_state": Known(f"{OWN}/TaskState", "state", stream=True),
    "ground_truth": Known(f"{OWN}/Reward", "state", stream=True),
    STATUS: Known(f"{OWN}/RobotStatus", "robot_status", answers=True, stream=True, needed=True),
    "reward": Known(f"{OWN}/Reward", "reward", answers=True),
    COMMAND: Known(f"{OWN}/RobotCommand", "command", answers=True),
    EXECUTED: Known(f"{OWN}/RobotCommand", "command", answers=True),
    TRANSITIONS: Known(f"{OWN}/Transition", "transition", answers=True),
    "policy_state": Known(f"{OWN}/PolicyState", "policy_state", answers=True),
    "teleop": Known(f"{OWN}/TeleopAction", "teleop"),
    "joy": Known("sensor_msgs/msg/Joy", "teleop"),
    "safety_status": Known(f"{OWN}/SafetyStatus", "latched", clocked=False),
    ACTOR: Known(f"{OWN}/ActorStatus", "latched", clocked=False),
    "learner_status": Known(f"{OWN}/LearnerStatus", "latched", clocked=False),
    EPISODES: Known(f"{OWN}/EpisodeSummary", "episodes", clocked=False),
}


@dataclass(frozen=True, eq=False)
class Heard:
    """A topic that is recorded.

    Attributes:
        topic: what is written of it.
        role: its relative name if it is one of our own, else empty.
        clocked: by its messages' stamps it is known which episode they are of.
        stream: see :class:`Known`; pictures are streams too.
        picture: left out while the actor is paused.
        latched: the newest message is still true when an episode begins.
    """

    topic: Topic
    role: str = ""
    clocked: bool = False
    stream: bool = False
    picture: bool = False
    latched: bool = False
