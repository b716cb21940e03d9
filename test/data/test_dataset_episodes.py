"""Recorded steps as whole episodes."""

from __future__ import annotations

import dataclasses

from made_episodes import episode, same

from hil_serl_ros.data.dataset_episodes import Episode, Episodes
from hil_serl_ros.data.dataset_step import DatasetStep


def collected(steps: list[DatasetStep]) -> tuple[Episodes, list[Episode]]:
    episodes = Episodes()
    found = [one for step in steps for one in episodes.add(step)]
    return episodes, found + episodes.end()


def numbers(found: list[Episode]) -> list[list[list[int]]]:
    return [[[step.index for step in chain] for chain in one.chains] for one in found]


def test_episodes_come_back_whole_and_in_order():
    _, found = collected([*episode(length=3), *episode(number=1, index=3, length=2)])
    assert numbers(found) == [[[0, 1, 2]], [[3, 4]]]


def test_an_episode_is_given_as_soon_as_the_next_one_begins():
    episodes = Episodes()
    for step in episode():
        assert episodes.add(step) == []
    assert len(episodes.add(episode(number=1, index=4)[0])) == 1


def test_a_torn_episode_ends_truncated_one_step_early_in_what_was_seen_last():
    steps = episode(length=3, ends="torn")
    episodes, found = collected(steps)
    (chain,) = found[0].chains
    assert [step.index for step in chain] == [0, 1]
    assert chain[-1].truncated
    assert not chain[-1].terminated
    assert chain[-1].final is steps[2].observation
    assert (episodes.torn, episodes.lost) == (1, 1)


def test_a_step_whose_robot_died_in_it_is_torn_too():
    steps = episode(length=3, ends="cut")
    steps[-1] = dataclasses.replace(steps[-1], final=None)
    episodes, found = collected([*steps, *episode(length=2, index=3, start=3)])
    assert numbers(found) == [[[0, 1], [3, 4]]]
    assert found[0].chains[0][-1].final is steps[2].observation
    assert (episodes.torn, episodes.lost) == (1, 1)


def test_a_torn_episode_of_one_step_is_lost_and_counted():
    episodes, found = collected([*episode(length=1, ends="torn"), *episode(number=1, index=1)])
    assert numbers(found) == [[[1, 2, 3, 4]]]
    assert (episodes.torn, episodes.lost) == (1, 1)


def test_a_missing_step_tears_the_episode_and_what_follows_is_kept():
    steps = episode(length=6)
    episodes, found = collected([*steps[:3], *steps[4:]])
    assert numbers(found) == [[[0, 1], [4, 5]]]
    assert episodes.torn == 1


def test_a_pause_cuts_an_episode_into_chains():
    steps = [*episode(length=2, ends="cut"), *episode(length=3, index=2, start=2)]
    episodes, found = collected(steps)
    assert numbers(found) == [[[0, 1], [2, 3, 4]]]
    assert episodes.torn == 0
    assert found[0].success


def test_a_step_that_comes_twice_counts_once():
    steps = episode(length=3)
    episodes, found = collected([steps[0], steps[1], steps[0], steps[1], steps[2], steps[2]])
    assert numbers(found) == [[[0, 1, 2]]]
    assert episodes.doubled == 3
    assert all(same(a, b) for a, b in zip(found[0].chains[0], steps, strict=True))


def test_robots_at_once_are_told_apart():
    left, right = episode(robot="left", length=2), episode(robot="right", length=2)
    _, found = collected([left[0], right[0], left[1], right[1]])
    assert [one.chains[0][0].robot for one in found] == ["left", "right"]
    assert numbers(found) == [[[0, 1]], [[0, 1]]]


def test_an_episode_that_was_thrown_away_is_no_success():
    steps = episode()
    steps[-1] = dataclasses.replace(steps[-1], discarded=True)
    assert not collected(steps)[1][0].success
