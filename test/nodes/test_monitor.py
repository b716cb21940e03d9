"""The node `monitor` with a person who decides when the run ends."""

from __future__ import annotations

import signal

import pytest

from hil_serl_ros.msg import ActorStatus, EpisodeSummary
from hil_serl_ros.ros import qos


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_persons_end_of_a_run_draws_the_curve_and_says_the_result(graph, tmp_path, number):
    process = graph.start("monitor", interactive=True, run=f"taught-{number}", run_folder=tmp_path)
    episodes = graph.publisher(EpisodeSummary, "episodes", qos.EPISODES)
    episodes.publish(
        EpisodeSummary(
            run=f"taught-{number}",
            mode=ActorStatus.MODE_DEMONSTRATE,
            steps=12,
            success=True,
            robot_steps=12,
            operator_steps_total=12,
        )
    )
    graph.wait_until(lambda: "demonstrate" in (tmp_path / "episodes.csv").read_text())
    process.signal(number)
    assert process.wait() == 0, process.output
    assert "result: recorded=1 robot_steps=12 operator_steps=12" in process.output
    assert (tmp_path / "curve.png").is_file()


def evaluated(run: str, number: int, success: bool = True) -> EpisodeSummary:
    mode = ActorStatus.MODE_EVALUATE
    return EpisodeSummary(run=run, mode=mode, episode=number, steps=9, success=success, robot_steps=40)


def test_a_monitor_that_is_killed_loses_no_episode_and_writes_none_twice(graph, tmp_path):
    parameters = {"run": "mortal", "run_folder": tmp_path, "evaluate_episodes": 3}
    status = graph.node.create_publisher(ActorStatus, "actor_status", qos.LATCHED)
    episodes = graph.node.create_publisher(EpisodeSummary, "episodes", qos.EPISODES)
    first = graph.start("monitor", **parameters)
    status.publish(ActorStatus(run="mortal", mode=ActorStatus.MODE_EVALUATE))
    for number in range(2):
        episodes.publish(evaluated("mortal", number))
    table = tmp_path / "episodes.csv"
    graph.wait_until(lambda: table.exists() and table.read_text().count("evaluate,") == 2)
    first.kill()
    second = graph.start("monitor", restarts=1, **parameters)  # it hears the two again: they are latched
    episodes.publish(evaluated("mortal", 2, success=False))
    status.publish(ActorStatus(run="mortal", mode=ActorStatus.MODE_EVALUATE, finished=True))
    assert second.wait() == 0, second.output
    assert "result: success=2/3 " in second.output
    assert (tmp_path / "episodes.csv").read_text().count("evaluate,") == 3
    graph.node.destroy_publisher(episodes)
    graph.node.destroy_publisher(status)


def test_of_several_robots_all_steps_are_counted_and_the_last_one_is_waited_for(graph, tmp_path):
    process = graph.start("monitor", run="two", run_folder=tmp_path, evaluate_episodes=2, robots="[left,right]")
    says = {}
    for number, robot in enumerate(("left", "right")):
        episodes = graph.node.create_publisher(EpisodeSummary, f"{robot}/episodes", qos.EPISODES)
        says[robot] = graph.node.create_publisher(ActorStatus, f"{robot}/actor_status", qos.LATCHED), episodes
        for mode in (ActorStatus.MODE_TRAIN, ActorStatus.MODE_EVALUATE):
            episode = EpisodeSummary(robot=robot, run="two", mode=mode, episode=number, steps=9, success=True)
            episode.robot_steps = 40 + number
            episodes.publish(episode)
    done = {"run": "two", "mode": ActorStatus.MODE_EVALUATE, "finished": True}
    says["left"][0].publish(ActorStatus(robot="left", robot_steps=40, **done))
    graph.wait_until(lambda: (tmp_path / "episodes.csv").exists())
    graph.wait_until(lambda: (tmp_path / "episodes.csv").read_text().count("evaluate,") == 2)
    graph.listen(1.0)
    assert process.code is None, process.output
    says["right"][0].publish(ActorStatus(robot="right", robot_steps=41, **done))
    assert process.wait() == 0, process.output
    assert "result: success=2/2 robot_steps=81 " in process.output
    for publishers in says.values():
        for publisher in publishers:
            graph.node.destroy_publisher(publisher)
