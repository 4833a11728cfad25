"""Patches in the joint space, against each tower's own parts put together by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from towers import COCA, VISION, image_tower, native, resnet

from clip_event.towers._open_clip import open_clip
from clip_event.towers.patches import encode_images, no_patches

KINDS = {
    "native": lambda: native("mini"),
    "clipa": lambda: native("mini", VISION | {"pool_type": "avg", "final_ln_after_pool": True, "no_ln_pre": True}),
    "coca": lambda: native("coca"),
    "resnet": resnet,
    "timm class token": lambda: image_tower("test_vit", "token", None),
    "timm registers, average": lambda: image_tower("test_vit2", "avg"),
    "timm attention pool": lambda: image_tower("test_vit3", "map"),
    "timm convolutions": lambda: image_tower("test_efficientnet"),
    "timm convolutions, norm and MLP": lambda: image_tower("test_convnext", "", "mlp"),
}
GRIDS = {"native": 16, "clipa": 16, "coca": 16, "resnet": 4}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind):
    return KINDS[kind]()


def pictures(model, number=3):
    size = model.visual.image_size
    height, width = (size, size) if isinstance(size, int) else size
    return torch.randn(number, 3, height, width, generator=torch.Generator().manual_seed(0))


def passes(model):
    seen = []
    first = next(module for module in model.visual.modules() if isinstance(module, nn.Conv2d))
    return seen, first.register_forward_hook(lambda *_: seen.append(1))


@pytest.mark.parametrize("normalize", [True, False])
def test_the_whole_is_what_open_clip_gives_in_one_pass_and_patches_are_of_its_size(kind, model, normalize):
    images = pictures(model)
    expected = model.encode_image(images, normalize=normalize)
    seen, hook = passes(model)
    pooled, patches = encode_images(model, images, normalize=normalize)
    hook.remove()
    assert seen == [1]
    torch.testing.assert_close(pooled, expected, atol=1e-6, rtol=1e-6)
    assert patches.shape == (3, GRIDS.get(kind, 100 if "convolutions" not in kind else 25), 16)
    assert no_patches(model) is None
    if normalize:
        torch.testing.assert_close(patches.norm(dim=-1), torch.ones(patches.shape[:2]))


def test_gradients_of_the_patches_reach_the_first_layer(model):
    first = next(p for n, p in model.visual.named_parameters() if "conv" in n or "patch_embed" in n or "stem" in n)
    model.zero_grad()
    encode_images(model, pictures(model))[1][:, 0, 0].sum().backward()
    assert first.grad.abs().sum() > 0


def last(module, run):
    """What the module put out while `run` ran."""
    seen = []
    hook = module.register_forward_hook(lambda _, __, out: seen.append(out))
    run()
    hook.remove()
    return seen[0]


def only(cell, cells, queries=1):
    """A mask for attention that leaves a single key."""
    mask = torch.full((queries, cells), -torch.inf)
    mask[:, cell] = 0.0
    return mask


@pytest.mark.parametrize("kind", ["native", "clipa"])
def test_open_clips_transformer_norms_and_projects_its_patches(kind):
    model = KINDS[kind]()
    images = pictures(model)
    hidden = last(model.visual.transformer, lambda: model.encode_image(images))
    expected = F.layer_norm(hidden[:, 1:], (32,), model.visual.ln_post.weight, model.visual.ln_post.bias)
    patches = encode_images(model, images, normalize=False)[1]
    torch.testing.assert_close(patches, expected @ model.visual.proj, atol=1e-6, rtol=1e-5)


def test_coca_pools_by_attention_to_one_patch():
    model = native("coca")
    images = pictures(model)
    hidden = last(model.visual.transformer, lambda: model.encode_image(images))
    patches = encode_images(model, images, normalize=False)[1]
    pool, queries = model.visual.attn_pool, len(model.visual.attn_pool.query)
    keys, query = pool.ln_k(hidden), pool.ln_q(pool.query).expand(3, -1, -1)
    for place in (0, 7, 15):
        pooled = pool.attn(query, keys, keys, attn_mask=only(place + 1, keys.shape[1], queries))[0][:, 0]
        torch.testing.assert_close(
            patches[:, place], model.visual.ln_post(pooled) @ model.visual.proj, atol=1e-6, rtol=1e-5
        )


def test_the_resnet_pools_by_attention_to_one_cell():
    model = resnet()
    pool, images = model.visual.attnpool, pictures(model)
    cells = last(model.visual.layer4, lambda: model.encode_image(images)).flatten(2).transpose(1, 2)
    keys = torch.cat([cells.mean(1, keepdim=True), cells], 1) + pool.positional_embedding
    attention = nn.MultiheadAttention(keys.shape[2], pool.num_heads, batch_first=True)
    projections = (pool.q_proj, pool.k_proj, pool.v_proj)
    attention.in_proj_weight.data = torch.cat([projection.weight for projection in projections])
    attention.in_proj_bias.data = torch.cat([projection.bias for projection in projections])
    attention.out_proj = nn.Identity()
    attention.out_proj.weight, attention.out_proj.bias = torch.eye(keys.shape[2]), torch.zeros(keys.shape[2])
    patches = encode_images(model, images, normalize=False)[1]
    for place in range(4):
        attended = attention(keys[:, :1], keys, keys, attn_mask=only(place + 1, 5))[0][:, 0]
        torch.testing.assert_close(patches[:, place], pool.c_proj(attended), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["timm class token", "timm registers, average"])
def test_a_timm_transformer_puts_its_patches_through_its_last_layers(kind):
    model = KINDS[kind]()
    images, trunk = pictures(model), model.visual.trunk
    expected = model.visual.head(trunk.head(trunk.fc_norm(trunk.forward_features(images)[:, 1:])))
    torch.testing.assert_close(encode_images(model, images, normalize=False)[1], expected, atol=1e-6, rtol=1e-5)


def test_a_timm_attention_pool_attends_to_one_patch():
    model = KINDS["timm attention pool"]()
    images, trunk = pictures(model), model.visual.trunk
    features = trunk.forward_features(images)
    patches = encode_images(model, images, normalize=False)[1]
    for place in (0, 42, 99):
        attended = trunk.attn_pool(features, attn_mask=only(place + 1, 101))  # behind one register
        torch.testing.assert_close(patches[:, place], model.visual.head(attended), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("name", "size"), [("mobilenetv2_100", 64), ("swin_tiny_patch4_window7_224", 224)])
def test_patches_average_to_the_whole_where_all_after_the_average_is_linear(name, size):
    """Maps with channels first, and with channels last."""
    model = image_tower(name)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooled, patches = encode_images(model, images, normalize=False)
    assert patches.shape[1] == (size // 32) ** 2
    torch.testing.assert_close(patches.mean(1), pooled, atol=1e-5, rtol=1e-4)


def test_patches_are_in_the_order_of_the_picture():
    """A spot in one corner changes the cells near it most, in a tower whose cells see little."""
    model = KINDS["timm convolutions, norm and MLP"]()
    images = torch.zeros(1, 3, 160, 160)
    spot = images.clone()
    spot[..., :32, 128:] = 3.0
    before, after = (encode_images(model, x)[1][0] for x in (images, spot))
    assert (after - before).norm(dim=-1).argmax() in (3, 4, 8, 9)  # the top right of 5 x 5


def test_a_tower_without_patches_says_why():
    model = native("coca", VISION | COCA)
    model.visual.attn_pool_contrastive = model.visual.attn_pool
    assert no_patches(model) == "its image tower pools twice by attention"

    class Strange(nn.Module):
        def forward(self, images):
            return images.mean((2, 3))

    model = open_clip.CustomTextCLIP(16, VISION, {"width": 32, "heads": 2, "layers": 1})
    model.visual = Strange()
    images = torch.randn(2, 3, 8, 8)
    pooled, patches = encode_images(model, images, normalize=False)
    assert patches is None
    assert torch.equal(pooled, images.mean((2, 3)))
    assert no_patches(model) == "where Strange keeps its patches is not known"
