"""`RosEnv` over the real graph: safety, robot and state as processes of their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest
import rclpy
from gymnasium.utils.env_checker import check_env
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from hil_serl_ros.env.actions import CLOSE, KEEP, STEP
from hil_serl_ros.env.link import LinkLost, RobotLink
from hil_serl_ros.env.ros_env import RosEnv, action_space, observation_space
from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, STATE, panda_layout
from hil_serl_ros.msg import Observation, Reward, RobotCommand
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.compression import encode
from hil_serl_ros.ros.convert import nanoseconds, position_array, stamp_of
from hil_serl_ros.ros.run import executor_of

LAYOUT = panda_layout()
TOOL = slice(15, 18)  # of the state: x y z in m
LIMIT = 20  # steps of an episode
UP = np.array([0, 0, 1, KEEP], np.float32)


@pytest.fixture(scope="module")
def processes(graph) -> dict[str, Any]:
    return {
        "safety": graph.start("safety", armed_at_start=True),
        "mujoco_bridge": graph.start("mujoco_bridge"),
        "state": graph.start("state"),
    }


@pytest.fixture(scope="module")
def executed(graph, processes) -> list[RobotCommand]:
    """What the robot was told to do."""
    return graph.subscribe(RobotCommand, "command_executed", qos.COMMAND)


@pytest.fixture(scope="module")
def asked(graph, processes) -> list[RobotCommand]:
    """What the environment asked for."""
    return graph.subscribe(RobotCommand, "command", qos.COMMAND)


@pytest.fixture(scope="module")
def link(graph, processes) -> RobotLink:
    return RobotLink(graph.node, graph.executor, lockstep=True)


@pytest.fixture
def env(link, processes) -> Iterator[RosEnv]:
    yield RosEnv(link, LAYOUT, LIMIT, penalty=-0.02)
    for process in processes.values():
        assert process.code is None, process.output


def test_it_passes_gymnasiums_own_checker(env):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env, skip_render_check=True)
    # The checker would like actions in [-1, 1] and bounded observations; joints and cubes have no bounds.
    known = ("normalize", "infinity", "-inf", "inf")
    assert [str(w.message) for w in caught if not any(word in str(w.message) for word in known)] == []


def test_the_same_seed_and_actions_give_the_same_episode_to_the_last_bit(env):
    def episode() -> list[np.ndarray]:
        generator = np.random.default_rng(3)
        observation, _ = env.reset(seed=11)
        seen = [observation[STATE], observation[ENVIRONMENT_STATE]]
        for _ in range(5):
            action = np.array([*generator.uniform(-1, 1, 3), generator.integers(3)], np.float32)
            observation, reward, *_ = env.step(action)
            seen += [observation[STATE], observation[ENVIRONMENT_STATE], np.array(reward)]
        return seen

    for first, second in zip(episode(), episode(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_another_seed_gives_another_cube_and_no_seed_a_random_one(env):
    cubes = [env.reset(seed=seed)[0][ENVIRONMENT_STATE].tolist() for seed in (1, 2, None, None)]
    assert len({tuple(cube) for cube in cubes}) == 4


def test_the_observation_after_an_action_contains_that_actions_effect(env):
    observation, _ = env.reset(seed=1)
    for _ in range(3):
        before, message = observation[STATE][TOOL], env.message
        observation, *_ = env.step(UP)
        # One period later, with this very command applied, and the tool has moved for it.
        assert env.message.sequence == message.sequence + 1
        assert nanoseconds(env.message.header.stamp) == nanoseconds(message.header.stamp) + 100_000_000
        assert observation[STATE][TOOL][2] - before[2] > 0.2 * STEP


def test_the_gripper_command_is_seen_in_the_observation_right_after_it(env):
    observation, _ = env.reset(seed=1)
    assert observation[STATE][14] == 0
    observation, *_ = env.step(np.array([0, 0, 0, CLOSE], np.float32))
    assert observation[STATE][14] == 255
    observation, *_ = env.step(np.array([0, 0, 0, KEEP], np.float32))
    assert observation[STATE][14] == 255


@pytest.mark.parametrize(
    "action", [[np.nan, 0, 0, 1], [0, np.inf, 0, 1], [0, 0, 0, np.nan], [0, 0, 0], [0, 0, 0, 1, 0], [[0, 0, 0, 1]]]
)
def test_an_action_that_is_none_is_refused_and_never_reaches_the_robot(env, graph, executed, asked, action):
    env.reset(seed=1)
    env.step(UP)
    graph.listen(0.1)
    executed.clear()
    asked.clear()
    with pytest.raises(ValueError, match="action"):
        env.step(np.array(action, np.float32))
    graph.listen(0.2)
    assert executed == []
    assert asked == []
    env.step(UP)  # and the episode goes on
    assert [command.verdict for command in executed] == [RobotCommand.VERDICT_ACCEPTED]


def test_what_is_stored_is_the_action_that_was_executed_after_clipping(env):
    env.reset(seed=1)
    left = np.array([0, 1, 0, KEEP], np.float32)
    stored, reached = [], []
    for _ in range(LIMIT - 5):
        *_, info = env.step(left)
        stored.append(info["executed_action"])
        reached.append(env._held.position[1])
    assert stored[0][1] == pytest.approx(1.0)
    assert stored[-1][1] == pytest.approx(0.0, abs=1e-4)  # at the edge of the workspace nothing more is done
    assert info["verdict"] == RobotCommand.VERDICT_LIMITED
    # The stored actions add up to where the target is: nothing wound up beyond the edge.
    assert reached[-1] == pytest.approx(0.3, abs=1e-5)
    assert STEP * sum(a[1] for a in stored) == pytest.approx(0.3 - (reached[0] - STEP), abs=1e-5)
    *_, info = env.step(-left + np.array([0, 0, 0, 2], np.float32))
    assert info["executed_action"][1] == pytest.approx(-1.0)


def test_a_gripper_change_is_penalized_once_and_holding_is_free(env):
    env.reset(seed=1)
    penalties = []
    for gripper in (KEEP, CLOSE, CLOSE, KEEP, 0, 0):
        *_, info = env.step(np.array([0, 0, 0, gripper], np.float32))
        penalties.append(info["discrete_penalty"])
    assert penalties == [0.0, -0.02, 0.0, 0.0, -0.02, 0.0]


def test_the_one_who_drives_is_named_in_the_very_command_of_the_step(env, executed):
    env.reset(seed=1)
    executed.clear()
    for source in (RobotCommand.SOURCE_POLICY, RobotCommand.SOURCE_HUMAN, RobotCommand.SOURCE_POLICY):
        env.source = source
        env.step(UP)
        assert executed[-1].source == source
        assert executed[-1].sequence == env.message.sequence
    assert len(executed) == 3


def test_a_time_limit_truncates_and_is_no_terminal_state(env):
    env.reset(seed=1)
    ends = [env.step(UP * 0 + np.array([0, 0, 0, KEEP], np.float32))[2:4] for _ in range(LIMIT)]
    assert ends == [(False, False)] * (LIMIT - 1) + [(False, True)]


def test_a_step_before_the_first_reset_is_refused(link):
    with pytest.raises(gym.error.ResetNeeded):
        RosEnv(link, LAYOUT, LIMIT, penalty=0.0).step(UP)


def test_each_reset_is_a_new_epoch_and_its_first_observation_is_of_it(env):
    epochs = []
    for _ in range(3):
        _, info = env.reset(seed=1)
        assert env.message.epoch == info["epoch"]
        epochs.append(info["epoch"])
        env.step(UP)
    assert epochs == [epochs[0], epochs[0] + 1, epochs[0] + 2]


def test_the_command_rebases_on_what_was_executed(env, executed):
    env.reset(seed=1)
    env.step(UP)
    held = position_array(executed[-1].target)
    env.step(np.array([1, 0, 0, KEEP], np.float32))
    np.testing.assert_allclose(position_array(executed[-1].target), held + np.array([STEP, 0, 0]), atol=1e-9)


def test_the_spaces_are_those_of_gym_hil():
    assert action_space().shape == (4,)
    assert observation_space(LAYOUT)[STATE].shape == (18,)
    assert observation_space(LAYOUT)[ENVIRONMENT_STATE].shape == (3,)


def test_a_robot_that_is_not_there_is_named(graph, processes):
    alone = rclpy.create_node("alone", namespace="elsewhere", context=graph.node.context)
    link = RobotLink(alone, executor_of(alone), lockstep=True, patience=0.5)
    with pytest.raises(LinkLost, match="reset_world"):
        link.reset(0)
    alone.destroy_node()


def test_the_judge_of_the_mode_decides_and_where_there_is_none_nothing_is_waited_for(graph, processes):
    link = RobotLink(graph.node, graph.executor, lockstep=True, patience=3.0, rewards=("ground_truth", "reward"))
    env = RosEnv(link, LAYOUT, LIMIT, penalty=-0.02)
    keep = np.array([0, 0, 0, 1], np.float32)
    env.reset(seed=1)
    assert env.step(keep)[1:3] == (0.0, False)  # ground truth
    link.judge = ""
    assert env.step(keep)[1:3] == (0.0, False)
    link.judge = "reward"
    with pytest.raises(LinkLost, match="topic reward"):  # a late reward is never taken for 0
        env.step(keep)
    # The classifier's word on the next instant, in time: it counts, whatever the simulator says.
    env.reset(seed=1)
    stamp = stamp_of(nanoseconds(env.message.header.stamp) + round(LAYOUT.control_period * 1e9))
    link._on_reward("reward", Reward(header=Header(stamp=stamp), reward=1.0, success=True, terminated=True))
    assert env.step(keep)[1:3] == (1.0, True)


def test_a_compressed_picture_of_another_size_than_the_layouts_is_no_observation():
    seeing = panda_layout(environment_state=False, images={"front": (3, 8, 8)})
    pixels = np.zeros((9, 8, 3), np.uint8)
    file = CompressedImage(format="png", data=encode(pixels, "png", 90))
    message = Observation(state=[0.0] * 18, image_names=["front"], compressed_images=[file])
    with pytest.raises(ValueError, match="image of front is 8x9, not 8x8"):
        RosEnv(cast(RobotLink, None), seeing, LIMIT, penalty=0.0)._arrays(message)
