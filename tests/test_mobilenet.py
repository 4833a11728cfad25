"""ImageNet weights out of an int8 file: dequantised by hand, checked by what captions say, batch norms worked out."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from clip_event.towers._open_clip import open_clip
from clip_event.training.mobilenet import dequantise, fill, folded, norms, read_tflite, recalibrate

timm = open_clip.timm_model.timm  # imported behind open_clip, which makes torchvision fit
DOGS = slice(152, 270)  # ImageNet's 118 breeds, behind the background class


def small(seed=0):
    """Two convolutions with norms that have seen something, as in timm's trunks."""
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        timm.layers.BatchNormAct2d(8, act_layer=nn.ReLU6),
        nn.Conv2d(8, 4, 1, bias=False),
        timm.layers.BatchNormAct2d(4, apply_act=False),
    )
    for _, norm in norms(made):
        for values in (norm.weight.data, norm.running_var):
            values.uniform_(0.5, 2)
        for values in (norm.bias.data, norm.running_mean):
            values.normal_()
    return made.eval()


def test_integers_become_numbers_by_scale_and_zero():
    one = dequantise(np.array([[-128, 0], [5, 127]], np.int8), np.array([0.5]), np.array([-1]), 0)
    assert one.tolist() == [[-63.5, 0.5], [3, 64]]
    each = dequantise(np.array([[[2, 2]], [[3, 3]]], np.int8), np.array([1.0, 10.0]), np.array([0, 1]), 2)
    assert each.tolist() == [[[2, 10]], [[3, 20]]]  # the scales lie along the last axis


def test_statistics_are_those_of_what_the_norms_are_fed_and_evaluation_stays():
    made, batches = small(), [torch.randn(3, 3, 9, 9, generator=torch.Generator().manual_seed(n)) for n in (1, 2)]
    start = deepcopy(made)
    recalibrate(made, iter(batches))
    images = torch.cat(batches)
    with torch.no_grad():
        torch.testing.assert_close(made(images), start(images), atol=1e-5, rtol=1e-5)
        fed = start[0](images).double().numpy()
        deeper = start[2](start[1](start[0](images))).double().numpy()
    for norm, values in ((made[1], fed), (made[3], deeper)):
        for channel in range(values.shape[1]):
            assert float(norm.running_mean[channel]) == pytest.approx(values[:, channel].mean(), abs=1e-5)
            assert float(norm.running_var[channel]) == pytest.approx(values[:, channel].var(), rel=1e-4)
    with torch.no_grad():  # in training mode a norm uses the batch's own statistics, which these are
        torch.testing.assert_close(made.train()(images), start(images), atol=1e-4, rtol=1e-4)


def test_folding_changes_nothing_and_leaves_norms_that_only_add():
    made, images = small(), torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        before = made(images)
        with folded(made):
            assert not list(norms(made))
            torch.testing.assert_close(made(images), before, atol=1e-5, rtol=1e-5)
            made[2].bias += 1  # what is learnt meanwhile stays
        torch.testing.assert_close(made(images), before + 1, atol=1e-5, rtol=1e-5)
    assert [norm.running_mean.abs().max() for _, norm in norms(made)] == [0, 0]
    assert all(convolution.bias is None for convolution, _ in norms(made))


@pytest.mark.parametrize(("size", "alike"), [(97, True), (129, True), (96, False)])
def test_tensorflows_padding_is_pytorchs_where_every_halving_is_of_an_odd_size(size, alike):
    torch.manual_seed(0)
    ours = timm.create_model("mobilenetv2_100", num_classes=0).eval()
    theirs = timm.create_model("mobilenetv2_100", num_classes=0, pad_type="same").eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        apart = (ours(images) - theirs(images)).abs().max() / ours(images).abs().max()
    assert (float(apart) < 1e-4) == alike


def test_another_network_is_refused():
    with pytest.raises(ValueError, match="20 convolutions with a batch norm, expected 52"):
        fill(timm.create_model("resnet18"), [])


def test_the_network_sees_dogs_where_captions_say_dogs(corpora):
    pytest.importorskip("tflite", reason="needs tflite: pip install 'clip-event[train]'")
    convolutions = read_tflite(corpora / "vision" / "mobilenet_v2_ptq.tflite")
    network = timm.create_model("mobilenetv2_100", num_classes=1001, pad_type="same").eval()
    fill(network, convolutions)
    right, rows = 0, (corpora / "flickr8k" / "train.jsonl").read_text(encoding="utf-8").splitlines()[:40]
    for row in map(json.loads, rows):
        pixels = np.array(Image.open(corpora / "flickr8k" / row["image"]).convert("RGB"), np.float32) / 127.5 - 1
        with torch.no_grad():
            seen = network(torch.from_numpy(pixels).permute(2, 0, 1)[None]).softmax(1)[0, DOGS].sum() > 0.5
        right += bool(seen) == any("dog" in caption.lower() for caption in row["captions"])
    assert right / len(rows) >= 0.85
