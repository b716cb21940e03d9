"""Any policy of lerobot acts: tiny ones of each kind with random weights, saved and loaded as lerobot does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, STATE, Layout, panda_layout
from hil_serl_ros.learning.lerobot_actor import LerobotActor, PolicyError, policy_type

# Its quantizer has random weights too.
pytestmark = pytest.mark.filterwarnings("ignore:To evaluate in the environment, your VQ-BeT model:UserWarning")
STATES = panda_layout()
PIXELS = panda_layout("pick_cube", environment_state=False, images={"front": (3, 64, 64)}, crops={})
ACT = {
    "chunk_size": 4,
    "n_action_steps": 4,
    "dim_model": 16,
    "n_heads": 2,
    "dim_feedforward": 16,
    "n_encoder_layers": 1,
    "n_decoder_layers": 1,
    "n_vae_encoder_layers": 1,
    "latent_dim": 4,
    "pretrained_backbone_weights": None,
}
KINDS: dict[str, tuple[Layout, dict[str, Any]]] = {
    "act": (STATES, ACT),
    "act with a camera": (PIXELS, ACT),
    "diffusion": (
        STATES,
        {
            "horizon": 8,
            "n_action_steps": 4,
            "down_dims": (16, 32),
            "n_groups": 4,
            "diffusion_step_embed_dim": 8,
            "num_train_timesteps": 4,
            "drop_n_last_frames": 3,
        },
    ),
    "vqbet": (
        PIXELS,
        {
            "crop_shape": (56, 56),
            "gpt_hidden_dim": 16,
            "gpt_n_layer": 1,
            "gpt_n_head": 2,
            "gpt_input_dim": 16,
            "gpt_output_dim": 16,
            "vqvae_n_embed": 4,
            "vqvae_embedding_dim": 8,
            "vqvae_enc_hidden_dim": 8,
            "spatial_softmax_num_keypoints": 4,
            "pretrained_backbone_weights": None,
            "n_action_pred_token": 2,
            "action_chunk_size": 3,
        },
    ),
    "smolvla": (
        PIXELS,
        {
            "num_vlm_layers": 2,
            "chunk_size": 4,
            "n_action_steps": 4,
            "num_steps": 2,
            "resize_imgs_with_padding": (32, 32),
            "tokenizer_max_length": 8,
        },
    ),
    "tdmpc": (
        STATES,
        {
            "latent_dim": 8,
            "mlp_dim": 16,
            "state_encoder_hidden_dim": 16,
            "n_gaussian_samples": 8,
            "n_pi_samples": 2,
            "n_elites": 4,
            "cem_iterations": 1,
            "horizon": 2,
            "q_ensemble_size": 2,
        },
    ),
}


def statistics(layout: Layout) -> dict[str, dict[str, torch.Tensor]]:
    """What lerobot normalizes by."""
    out = {}
    for name, shape in (*layout.shapes().items(), ("action", (layout.action_size,))):
        size = (3, 1, 1) if name in layout.images else shape
        low, high = torch.zeros(size) - 1, torch.ones(size)
        out[name] = {"min": low, "max": high, "mean": torch.zeros(size), "std": torch.ones(size)}
    return out


def vision_language_model(folder: Path) -> Path:
    """A tiny one with a tokenizer of ten words, for SmolVLA."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        SmolVLMConfig,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    special = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    words = ["<unk>", "<pad>", *special.values(), "pick", "_", "cube", "\n"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", extra_special_tokens=special
    )
    sizes = {"intermediate_size": 32, "num_attention_heads": 2}
    text = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_key_value_heads": 2, "head_dim": 32}
    SmolVLMConfig(
        vision_config={"hidden_size": 32, "num_hidden_layers": 1, "image_size": 32, "patch_size": 8, **sizes},
        text_config={"vocab_size": len(words), "pad_token_id": 1, **text, **sizes},
        scale_factor=2,
        image_token_id=2,
        pad_token_id=1,
    ).save_pretrained(folder)
    SmolVLMProcessor(SmolVLMImageProcessor(), fast, SmolVLMVideoProcessor(), chat_template="x").save_pretrained(folder)
    return folder


def saved(kind: str, folder: Path) -> Layout:
    """A tiny policy with random weights in ``folder``."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors

    layout, options = KINDS[kind]
    types = {STATE: FeatureType.STATE, ENVIRONMENT_STATE: FeatureType.ENV}
    inputs = {n: PolicyFeature(types.get(n, FeatureType.VISUAL), shape) for n, shape in layout.shapes().items()}
    outputs = {"action": PolicyFeature(FeatureType.ACTION, (layout.action_size,))}
    torch.manual_seed(0)
    name = kind.split()[0]
    if name == "smolvla":
        options = options | {"vlm_model_name": str(vision_language_model(folder / "vlm"))}
    config = make_policy_config(name, input_features=inputs, output_features=outputs, device="cpu", **options)
    get_policy_class(name)(config).save_pretrained(folder)
    for processor in make_pre_post_processors(config, dataset_stats=statistics(layout)):
        processor.save_pretrained(folder)
    return layout


def test_what_is_not_on_this_machine_is_named_and_not_downloaded(tmp_path):
    saved("smolvla", tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace(str(tmp_path / "vlm"), "nowhere/no-model"))
    with pytest.raises(PolicyError, match="nowhere/no-model"):
        LerobotActor(tmp_path, PIXELS)


@pytest.fixture(scope="module", params=KINDS)
def policy(request, tmp_path_factory) -> tuple[LerobotActor, Layout]:
    folder = tmp_path_factory.mktemp("policy")
    layout = saved(request.param, folder)
    assert policy_type(folder) == request.param.split()[0]
    return LerobotActor(folder, layout), layout


def seen(layout: Layout, value: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(value)
    return {
        name: random.integers(0, 255, shape, np.uint8)
        if name in layout.images
        else random.uniform(-1, 1, shape).astype(np.float32)
        for name, shape in layout.shapes().items()
    }


def episode(actor: LerobotActor, layout: Layout, seed: int, steps: int = 6) -> np.ndarray:
    actor.begin(seed)
    return np.stack([actor.act(seen(layout, step)) for step in range(steps)])


def test_every_kind_acts_in_the_policys_units(policy):
    actions = episode(*policy, seed=1)
    assert actions.dtype == np.float32
    assert actions.shape == (6, 4)
    assert (np.abs(actions[:, :3]) <= 1).all()
    assert set(actions[:, 3]) <= {0.0, 1.0, 2.0}


def test_the_same_episode_seed_gives_the_same_actions(policy):
    assert (episode(*policy, seed=3) == episode(*policy, seed=3)).all()


@pytest.fixture(scope="module")
def act(tmp_path_factory) -> LerobotActor:
    folder = tmp_path_factory.mktemp("act")
    saved("act", folder)
    return LerobotActor(folder, STATES)


def test_a_chunk_is_worked_through_whatever_is_seen_meanwhile(act):
    act.begin(0)
    first = [act.act(seen(STATES, value)) for value in (1, 2, 3, 4, 5)]
    act.begin(0)
    again = [act.act(seen(STATES, value)) for value in (1, 20, 30, 40, 5)]
    np.testing.assert_array_equal(first, again)


def test_after_a_takeover_it_plans_anew_from_what_it_sees(act):
    act.begin(0)
    act.act(seen(STATES, 1))
    planned = act.act(seen(STATES, 2))
    act.begin(0)
    act.act(seen(STATES, 1))
    act.forget()
    anew = act.act(seen(STATES, 2))
    assert (planned != anew).any()
    act.begin(0)
    np.testing.assert_array_equal(anew, act.act(seen(STATES, 2)))


def test_a_policy_that_needs_what_is_not_observed_is_refused_and_the_difference_named(tmp_path):
    saved("act", tmp_path)
    with pytest.raises(PolicyError, match=r"needs observation\.environment_state, which is not observed here"):
        LerobotActor(tmp_path, PIXELS)


def test_a_policy_that_needs_pictures_of_another_size_is_refused(tmp_path):
    saved("act with a camera", tmp_path)
    larger = panda_layout("pick_cube", environment_state=False, images={"front": (3, 96, 96)}, crops={})
    with pytest.raises(PolicyError, match=r"needs observation\.images\.front of shape \(3, 64, 64\); here"):
        LerobotActor(tmp_path, larger)


def test_a_folder_without_weights_is_refused_in_one_sentence(tmp_path):
    saved("act", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(PolicyError, match="lerobot cannot load") as caught:
        LerobotActor(tmp_path, STATES)
    assert "\n" not in str(caught.value)
