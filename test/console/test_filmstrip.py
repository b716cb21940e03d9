"""Films number and label frames as the training of the classifier does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from compressing import compressed_step
from recorded import episode, record

from hil_serl_ros.commands.classifier import read_episodes
from hil_serl_ros.console.filmstrip import FilmError, films, transitions
from hil_serl_ros.data.labels import NAME, write_labels
from hil_serl_ros.msg import Transition

KEY = ("robot", 0)
SIZE = 32


def steps_with_success_at(*frames: int, steps: int = 5) -> list[Transition]:
    made = episode(0, steps, None, size=SIZE)
    for step in made:
        step.success = step.step + 1 in frames
        # The grey of a picture is the number of its frame.
        for image in step.observation.images:
            image.data = bytes([step.step * 20]) * len(image.data)
        for final in step.final_observation:
            for image in final.images:
                image.data = bytes([(step.step + 1) * 20]) * len(image.data)
    return made


def numbers(frames: list[bytes]) -> list[int]:
    pictures = [cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR) for frame in frames]
    return [round(float(picture.mean()) / 20) for picture in pictures]


def test_the_success_of_a_step_is_the_label_of_the_frame_after_it():
    assert films(steps_with_success_at(3))[KEY].recorded == [0, 0, 0, 1, 0, 0]


def test_the_final_observation_is_the_last_frame_and_has_the_last_success():
    film = films(steps_with_success_at(5))[KEY]
    assert (film.recorded, numbers(film.frames), film.whole) == ([0, 0, 0, 0, 0, 1], [0, 1, 2, 3, 4, 5], True)


def test_a_resent_step_counts_once():
    steps = steps_with_success_at(3)
    film = films([*steps[:3], *steps[1:], steps[-1]])[KEY]
    assert (film.recorded, numbers(film.frames)) == ([0, 0, 0, 1, 0, 0], [0, 1, 2, 3, 4, 5])


def test_an_episode_without_an_end_has_no_label_for_the_frame_never_seen():
    film = films(steps_with_success_at(3)[:3])[KEY]
    assert (film.recorded, numbers(film.frames), film.whole) == ([0, 0, 0], [0, 1, 2], False)


def test_a_film_ends_at_a_gap():
    steps = steps_with_success_at(4)
    film = films([*steps[:2], *steps[3:]])[KEY]
    assert (film.recorded, numbers(film.frames), film.whole) == ([0, 0], [0, 1], False)


def test_a_run_without_the_first_step_of_any_episode_is_refused():
    with pytest.raises(FilmError, match="first step"):
        films(steps_with_success_at(4)[2:])


def test_an_observation_without_pictures_is_refused():
    step = steps_with_success_at(4)[0]
    step.observation.images, step.observation.image_names = [], []
    with pytest.raises(FilmError, match="without pictures"):
        films([step])


def test_a_compressed_picture_that_cannot_be_read_is_refused():
    step = compressed_step(steps_with_success_at(4)[0])
    step.observation.compressed_images[1].data = b"nonsense"
    with pytest.raises(FilmError, match="holds a picture that cannot be read: 8 bytes are no png picture"):
        films([step])


@pytest.mark.parametrize("change", [lambda step: step, compressed_step], ids=["raw", "compressed"])
@pytest.mark.parametrize("missing", [(), (2,), (4,)], ids=["whole", "gap", "no end"])
def test_films_and_training_give_a_frame_the_same_number_and_label(tmp_path, missing, change):
    record(tmp_path, [change(step) for step in steps_with_success_at(1, 3, 5) if step.step not in missing])
    film = films(transitions(tmp_path))[KEY]
    (trained,) = read_episodes(tmp_path)
    greys = dict(zip(trained.frames.tolist(), trained.pictures[:, 0].mean(axis=(1, 2, 3)), strict=True))
    labels = dict(zip(trained.frames.tolist(), trained.labels.tolist(), strict=True))
    for frame, (number, label) in enumerate(zip(numbers(film.frames), film.recorded, strict=True)):
        assert (number, label) == (round(greys[frame] / 20), int(labels[frame]))


def test_a_label_for_an_episode_without_its_first_steps_stays_on_its_frame(tmp_path):
    record(tmp_path, steps_with_success_at(5)[2:])
    write_labels(tmp_path / NAME, {KEY: {0: 1, 2: 1, 3: -1}})
    (trained,) = read_episodes(tmp_path)
    assert trained.frames.tolist() == [2, 4, 5]
    assert trained.labels.tolist() == [True, False, True]


def test_an_excluded_frame_and_a_changed_label_reach_training(tmp_path):
    record(tmp_path, steps_with_success_at(5))
    write_labels(tmp_path / NAME, {KEY: {1: -1, 3: 1}})
    (trained,) = read_episodes(tmp_path)
    assert trained.frames.tolist() == [0, 2, 3, 4, 5]
    assert trained.labels.tolist() == [False, False, True, False, True]
