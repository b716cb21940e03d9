"""Adam on a flat buffer."""

from __future__ import annotations

import subprocess
import sys

import torch

from hil_serl_ros.learning.adam import Adam
from hil_serl_ros.learning.parameters import FlatParameters


def test_its_steps_are_those_of_torchs_class_bit_for_bit():
    mine, theirs = (FlatParameters({"weight": (40, 33), "bias": (7,)}, torch.device("cpu")) for _ in range(2))
    adam, reference = Adam(mine, 1e-3), torch.optim.Adam([theirs.flat], lr=1e-3, fused=True)
    generator = torch.Generator().manual_seed(0)
    for update in range(1, 30):
        gradients = [torch.randn(shape, generator=generator) for shape in ((40, 33), (7,))]
        for parameters in (mine, theirs):
            parameters.set_gradients(gradients, 1.0)
        adam.rate = reference.param_groups[0]["lr"] = 1e-3 / update
        adam.step()
        reference.step()
    assert torch.equal(mine.flat, theirs.flat)
    assert adam.count == 29


def test_a_learner_starts_without_importing_the_compiler():
    program = """
import sys
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.trainer import Trainer
Trainer(panda_layout(), LearnerSettings(compile=False)).warm_up()
print("torch._dynamo" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False"]
