"""The parameters of the episode loop."""

from __future__ import annotations

from dataclasses import dataclass

from hil_serl_ros.settings import setting

# Who judges, and on which topic; the operator judges by keys alone.
TOPICS = {"ground_truth": "ground_truth", "classifier": "reward", "operator": ""}


@dataclass
class ActorSettings:
    task: str = setting("pick_cube", "Task, by which the layout and the time limit are chosen.")
    clock: str = setting("lockstep", "The robot's clock.", choices=("lockstep", "realtime"))
    run: str = setting("run", "Name of the run; the learner must have the same.", name=True)
    run_folder: str = setting("runs/run", "Folder of the run; the actor keeps its journal in it.")
    robot: str = setting("robot", "Name of this robot among those of one learner.", name=True)
    seed: int = setting(0, "Seed of the episodes and of exploration.", minimum=0)
    collect_episodes: int = setting(
        0, "Episodes that show success and failure to the reward classifier, first of all.", unit="episodes", minimum=0
    )
    demonstrations: int = setting(0, "Good demonstrations to record first.", unit="episodes", minimum=0)
    train_steps: int = setting(
        0, "Robot steps, demonstrations included, until which to train then.", unit="steps", minimum=0
    )
    evaluate_episodes: int = setting(0, "Greedy episodes to evaluate at the end.", unit="episodes", minimum=0)
    evaluate_from: int = setting(
        0, "Number of the first evaluated episode: several robots share out the worlds.", unit="episodes", minimum=0
    )
    max_episode_steps: int = setting(0, "Time limit of an episode; 0: a simulated task's own.", unit="steps", minimum=0)
    reward: str = setting(
        "ground_truth",
        "Who judges success: the simulator, node reward_classifier, or the operator's keys alone.",
        choices=tuple(TOPICS),
    )
    evaluation_reward: str = setting(
        "ground_truth",
        "Who judges success in evaluation; a real robot has a classifier only.",
        choices=tuple(TOPICS),
    )
    gripper_penalty: float = setting(-0.02, "Reward for a change of the gripper's state.", maximum=0.0)
    operator: bool = setting(True, "In lockstep, wait for the operator's word on each observation.")
    max_operator_silence: float = setting(
        0.18, "Silence after which a device is lost, realtime only.", unit="s", minimum=0.02, maximum=5.0
    )
    interactive: bool = setting(False, "When the schedule is done, idle until asked for more: a person is there.")
    checkpoint: str = setting("", "Folder of a pretrained_model to act with; empty: the learner's weights.")
