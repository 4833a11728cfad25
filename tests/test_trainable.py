"""What trains: nothing of a frozen tower, low-rank changes by LoRA, and merging gives what the adapters gave."""

import copy

import pytest
import torch
from towers import HUGGING_FACE, VISION, hugging_face, image_tower, native, resnet, wordpiece

from clip_event.towers.patches import encode_images
from clip_event.towers.texts import encode_texts
from clip_event.towers.trainable import check_gradients, count_trainable, merge, set_trainable, training_mode

TEXTS = ("police arrest a man", "a man", "a protester")
KINDS = {
    "mini": lambda: native("mini"),
    "custom": lambda: native("custom"),
    "coca": lambda: native("coca"),
    "siglip": lambda: native("siglip"),
    "custom blocks": lambda: native("custom", VISION | {"block_type": "custom"}),
    "timm": lambda: image_tower("test_vit", "token", None),
    **{kind: lambda kind=kind: hugging_face(kind) for kind in HUGGING_FACE},
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return wordpiece(tmp_path_factory.mktemp("tokenizer"))


def images(model):
    size = model.visual.image_size
    return torch.randn(
        2, 3, *((size, size) if isinstance(size, int) else size), generator=torch.Generator().manual_seed(0)
    )


def both(model, tokenizer):
    """Embeddings of both towers, patches too, as the trainer makes them."""
    pooled, patches = encode_images(model, images(model))
    return torch.cat([pooled, patches.flatten(0, 1), encode_texts(model, tokenizer, TEXTS)])


def step(model, tokenizer, optimizer):
    optimizer.zero_grad()
    (model.logit_scale * both(model, tokenizer)).square().mul(torch.arange(16)).sum().backward()
    optimizer.step()


def optimizer_of(model):
    return torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_lora_starts_at_the_model_trains_only_itself_and_merges_to_the_same_outputs(kind, tokenizer):
    model = KINDS[kind]()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected = both(model, tokenizer)
    set_trainable(model, "lora", "lora", rank=3)
    torch.testing.assert_close(both(model, tokenizer), expected, atol=1e-6, rtol=0)
    names = {name for name, value in model.named_parameters() if value.requires_grad}
    assert all(".lora_" in name for name in names - {"logit_scale"})
    assert {name.split(".")[0] == "visual" for name in names - {"logit_scale"}} == {True, False}
    frozen = {name: value.clone() for name, value in model.named_parameters() if name not in names}
    optimizer = optimizer_of(model)
    for _ in range(3):
        step(model, tokenizer, optimizer)
        check_gradients(model)
    for name, value in frozen.items():
        assert torch.equal(model.get_parameter(name), value)
    adapted = both(model, tokenizer)
    assert (adapted - expected).abs().max() > 1e-2
    merge(model)
    assert model.state_dict().keys() == before.keys()
    torch.testing.assert_close(both(model, tokenizer), adapted, atol=1e-5, rtol=0)
    fresh = KINDS[kind]()
    fresh.load_state_dict(model.state_dict())
    torch.testing.assert_close(both(fresh, tokenizer), adapted, atol=1e-5, rtol=0)


def test_lora_adds_the_product_of_its_matrices_once_to_each_weight():
    """Attention and MLP of open_clip's blocks, against a model whose weights are changed by hand."""
    model, changed = native("mini"), native("mini")
    set_trainable(model, image="lora", text="frozen", rank=3, alpha=6)
    draw = torch.Generator().manual_seed(1)
    for name, value in model.named_parameters():
        if ".lora_" in name:
            value.data = torch.randn(value.shape, generator=draw) * 0.2
    parameters = dict(model.named_parameters())
    products = {
        name.split(".lora_A")[0]: parameters[name.replace("lora_A", "lora_B")] @ value
        for name, value in parameters.items()
        if ".lora_A" in name
    }
    assert len(products) == 2 * 4
    weights = changed.state_dict()
    for layer, product in products.items():
        weight = f"{layer}_weight" if layer.endswith("in_proj") else f"{layer}.weight"
        weights[weight] += 6 / 3 * product
    x = images(model)
    torch.testing.assert_close(model.encode_image(x), changed.encode_image(x), atol=1e-5, rtol=1e-5)
    merge(model)
    for name, value in changed.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=1e-6, rtol=0)


def test_lora_of_the_text_tower_leaves_the_image_tower_alone():
    """Native CLIP names the blocks of both towers alike, but for the start."""
    model = native("mini")
    set_trainable(model, image="frozen", text="lora")
    assert not any("lora" in name for name, _ in model.visual.named_parameters())
    assert count_trainable(model)["image"] == 0
    rank, width = 16, 32
    per_block = rank * (width + 3 * width) + rank * 2 * width + 2 * rank * (width + 4 * width)
    assert count_trainable(model) == {"text": 2 * per_block, "image": 0, "other": 1}


def test_all_and_frozen_towers():
    model = native("siglip")
    model.logit_bias = torch.nn.Parameter(torch.zeros([]))
    model.visual.positional_embedding.requires_grad_(False)  # as a fixed one is
    whole = sum(value.numel() for value in model.visual.parameters())
    set_trainable(model, image="all", text="frozen")
    assert count_trainable(model) == {"image": whole - model.visual.positional_embedding.numel(), "text": 0, "other": 1}
    assert model.logit_scale.requires_grad


def test_the_decoder_of_coca_never_trains():
    model = native("coca")
    set_trainable(model)
    assert not any(value.requires_grad for value in model.text_decoder.parameters())


def test_adapters_repeat_with_their_seed_and_leave_the_global_generator_alone():
    made, state = [], torch.get_rng_state()
    for seed in (1, 1, 2):
        model = native("mini")
        set_trainable(model, "lora", "lora", seed=seed)
        made.append(torch.cat([v.flatten() for n, v in model.named_parameters() if ".lora_A" in n]))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_copy_can_be_merged_while_the_model_trains_on(tokenizer):
    model = native("mini")
    set_trainable(model, "lora", "lora")
    optimizer = optimizer_of(model)
    step(model, tokenizer, optimizer)
    expected = both(model, tokenizer)
    merged = copy.deepcopy(model)
    merge(merged)
    torch.testing.assert_close(both(merged, tokenizer), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(both(model, tokenizer), expected, atol=0, rtol=0)
    step(model, tokenizer, optimizer)
    torch.testing.assert_close(both(merged, tokenizer), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["mini", "coca", "bert", "timm"])
def test_adapters_get_the_same_gradients_with_checkpointing(kind, tokenizer):
    gradients = []
    for checkpointing in (False, True):
        model = KINDS[kind]()
        set_trainable(model, "lora", "lora")
        for name, value in model.named_parameters():
            if ".lora_B" in name:
                torch.nn.init.constant_(value, 0.05)
        training_mode(model)
        if checkpointing:
            model.visual.set_grad_checkpointing()
            (model.text if kind in ("coca", "bert") else model).set_grad_checkpointing()
        both(model, tokenizer).square().mul(torch.arange(16)).sum().backward()
        model.logit_scale.grad = torch.zeros([])
        check_gradients(model)
        gradients.append([value.grad for value in model.parameters() if value.requires_grad])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_a_tower_without_such_layers_and_an_unknown_mode_are_refused():
    with pytest.raises(ValueError, match=r"nothing to adapt in the image tower, ModifiedResNet.*Train the tower 'all'"):
        set_trainable(resnet(), image="lora")
    with pytest.raises(ValueError, match="'all', 'frozen' or by 'lora', not 'some'"):
        set_trainable(native("mini"), image="some")


def test_a_trainable_parameter_that_the_loss_does_not_reach_is_named(tokenizer):
    model = native("custom")
    model.text.spare = torch.nn.Linear(3, 2)
    set_trainable(model)
    both(model, tokenizer).sum().backward()
    with pytest.raises(
        ValueError, match=r"3 trainable parameters .*: logit_scale, text\.spare\.weight, text\.spare\.bias;"
    ):
        check_gradients(model)


def test_batch_norms_keep_their_statistics_and_frozen_towers_stay_in_evaluation_mode():
    model = image_tower("test_efficientnet")
    set_trainable(model, image="all", text="frozen")
    before = {name: value.clone() for name, value in model.visual.named_buffers()}
    training_mode(model)
    assert model.training
    assert model.visual.training
    assert not model.text.training
    encode_images(model, images(model))[0].sum().backward()
    assert before
    for name, value in model.visual.named_buffers():
        assert torch.equal(value, before[name])
    norm = next(module for module in model.visual.modules() if isinstance(module, torch.nn.BatchNorm2d))
    assert norm.weight.grad.abs().sum() > 0  # its weights do train
    set_trainable(model, image="frozen", text="frozen")
    training_mode(model)
    assert not any(module.training for module in model.visual.modules())
