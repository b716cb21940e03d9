"""When the operator takes over from the policy, and when it does not."""

from __future__ import annotations

import pytest

from hil_serl_ros.settings import SettingError, validate
from hil_serl_ros.sim.operator import TakeoverRule, TakeoverSettings


def episodes(rule: TakeoverRule, outcomes: list[bool], steps: int) -> list[list[bool]]:
    """What the rule says in each step of episodes that end as ``outcomes`` say."""
    said, before = [], False
    for succeeded in outcomes:
        rule.begin(before)
        said.append([rule.update() for _ in range(steps)])
        before = succeeded
    return said


def test_it_waits_for_its_patience_then_drives_to_the_episodes_end() -> None:
    rule = TakeoverRule(TakeoverSettings(patience=25), seed=0)
    assert episodes(rule, [False], 60) == [[False] * 25 + [True] * 35]


def test_an_episode_that_ends_within_its_patience_is_the_policys_own() -> None:
    rule = TakeoverRule(TakeoverSettings(patience=25), seed=0)
    assert not any(any(said) for said in episodes(rule, [False] * 10, 25))


def test_a_policy_that_never_succeeds_is_helped_in_every_episode() -> None:
    rule = TakeoverRule(TakeoverSettings(patience=5, budget=10_000), seed=1)
    assert all(said[-1] for said in episodes(rule, [False] * 50, 10))


def test_it_takes_over_less_as_the_policy_succeeds_by_itself() -> None:
    settings = TakeoverSettings(patience=5, budget=10_000, window=10)
    helped = []
    for period in (1, 2, 100):  # the policy fails in each, each second, or no episode
        rule = TakeoverRule(settings, seed=2)
        drives = 0
        succeeded = False
        for number in range(400):
            rule.begin(succeeded)
            fails = number % period == 0
            drives += [rule.update() for _ in range(5 + fails)][-1]
            succeeded = not fails
        helped.append(drives / (400 / period))
    assert helped[0] == 1.0
    assert 0.3 < helped[1] < 0.7
    assert helped[2] <= 0.75


def test_a_success_that_the_operator_brought_about_does_not_count_for_the_policy() -> None:
    rule = TakeoverRule(TakeoverSettings(patience=5, budget=10_000), seed=3)
    assert all(said[-1] for said in episodes(rule, [True] * 50, 10))


def test_no_more_steps_than_the_budget_are_given() -> None:
    rule = TakeoverRule(TakeoverSettings(patience=2, budget=25), seed=4)
    said = episodes(rule, [False] * 10, 12)
    assert sum(map(sum, said)) == 25
    assert said[2] == [False] * 2 + [True] * 5 + [False] * 5


def test_it_hands_back_at_the_episodes_end() -> None:
    rule = TakeoverRule(TakeoverSettings(patience=2), seed=5)
    assert episodes(rule, [False, False], 4)[1] == [False, False, True, True]


def test_the_same_seed_and_history_give_the_same_decisions_and_other_seeds_others() -> None:
    def decisions(seed: int) -> list[bool]:
        rule = TakeoverRule(TakeoverSettings(patience=3, budget=10_000, window=4), seed)
        said = []
        for number in range(60):
            # Each second episode is the policy's own success, each other one stalls.
            rule.begin(number % 2 == 1)
            said += [rule.update() for _ in range(3 + number % 2)]
        return said

    assert decisions(7) == decisions(7)
    assert len({tuple(decisions(seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize("change", [{"patience": -1}, {"least_probability": 1.5}, {"window": 0}, {"budget": -1}])
def test_impossible_settings_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        validate(TakeoverSettings(**change))


def answers(settings: TakeoverSettings, calls: list[bool]) -> list[bool]:
    """What an operator who comes when called does in one episode."""
    rule = TakeoverRule(settings, seed=0)
    rule.begin(False)
    return [rule.update(called) for called in calls]


def test_a_called_operator_watches_for_nothing_else() -> None:
    assert not any(answers(TakeoverSettings(only_when_called=True, patience=2), [False] * 30))


def test_a_called_operator_drives_as_long_as_it_is_called() -> None:
    settings = TakeoverSettings(only_when_called=True, least_help=1)
    assert answers(settings, [False, True, True, False, False]) == [False, True, True, False, False]


def test_a_called_operator_drives_some_steps_at_least() -> None:
    settings = TakeoverSettings(only_when_called=True, least_help=3)
    assert answers(settings, [True, False, False, False, True]) == [True, True, True, False, True]


def test_a_called_operator_gives_no_more_than_its_budget() -> None:
    settings = TakeoverSettings(only_when_called=True, least_help=3, budget=4)
    assert sum(answers(settings, [True] * 10)) == 4


def test_a_new_episode_owes_no_help_to_the_one_before() -> None:
    rule = TakeoverRule(TakeoverSettings(only_when_called=True, least_help=5), seed=0)
    rule.begin(False)
    rule.update(True)
    rule.begin(False)
    assert not rule.update(False)
