"""A bare network fits and predicts like a Segmenter."""

import numpy as np
import pytest
import torch

from asgnet.errors import UsageError
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.evaluation.predictor import NetPredictor


def test_the_network_alone_and_evaluated_agree(dataset, net):
    """Square pictures at the input size need no resizing: predict is forward and argmax."""
    images = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(3)]
    masks = [np.zeros((64, 64), np.uint8) for _ in range(2)]
    for mask in masks:
        mask[10:50, 5:60] = 1
        mask[8:10] = 255
    found = NetPredictor(net, size=64).fit(images[:2], masks).predict(images[2])
    frames = net.backbone.normalise(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))
    with torch.no_grad():
        logits = net(frames[2:], frames[None, :2], torch.from_numpy(np.stack(masks))[None])[0]
    assert np.allclose(found.probability, logits.softmax(0)[1].numpy(), atol=1e-5)
    assert (found.mask == (logits[1] > logits[0]).numpy()).all()
    assert found.guide.shape == (64, 64)
    assert found.presence == found.probability.max()


@pytest.mark.parametrize("resize", ["pad", "squash"])
def test_any_picture_comes_back_at_its_own_size(net, resize):
    image = np.full((50, 90, 3), 128, np.uint8)
    mask = np.zeros((50, 90), np.uint8)
    mask[10:40, 10:80] = 1
    predictor = NetPredictor(net, size=64, resize=resize).fit([image], [mask])
    for shape in ((50, 90), (200, 30), (33, 33)):
        found = predictor.predict(np.full((*shape, 3), 90, np.uint8))
        assert found.mask.shape == found.probability.shape == found.guide.shape == shape
        assert found.mask.dtype == bool
        assert found.probability.dtype == np.float32
    assert predictor.decode_seconds > 0


def test_pad_and_squash_frame_pictures_and_masks(net):
    image = np.full((20, 40, 3), 255, np.uint8)
    mask = np.ones((20, 40), np.uint8)
    black = net.backbone.normalise(torch.zeros(3, 1, 1))
    padded = NetPredictor(net, size=32)
    assert torch.allclose(padded._frame(image)[:, 16:], black.expand(3, 16, 32))
    assert padded._frame_mask(mask)[:16].unique().tolist() == [1]
    assert padded._frame_mask(mask)[16:].unique().tolist() == [255]
    squashed = NetPredictor(net, size=32, resize="squash")
    assert squashed._frame_mask(mask).unique().tolist() == [1]
    white = net.backbone.normalise(torch.full((3, 1, 1), 255.0))
    assert torch.allclose(squashed._frame(image), white.expand(3, 32, 32), atol=1e-5)
    assert torch.allclose(padded._frame(image)[:, :16], white.expand(3, 16, 32), atol=1e-5)


def test_fusing_one_support_changes_nothing_and_several_does(dataset, net):
    pictures = [dataset.picture(name) for name in ("00", "03", "06")]
    masks = [dataset.mask(name, 1) for name in ("00", "03", "06")]
    maps = {}
    for shots in (1, 2):
        for fusion in ("pooled", "masks", "features", "vote"):
            predictor = NetPredictor(net, size=64, fusion=fusion).fit(pictures[:shots], masks[:shots])
            maps[shots, fusion] = predictor.predict(pictures[2]).probability
    assert all(np.array_equal(maps[1, f], maps[1, "pooled"]) for f in ("masks", "features", "vote"))
    alone = [
        NetPredictor(net, size=64).fit([p], [m]).predict(pictures[2])
        for p, m in zip(pictures, masks, strict=True)
    ]
    assert np.allclose(maps[2, "masks"], (alone[0].probability + alone[1].probability) / 2, atol=1e-6)
    assert not np.allclose(maps[2, "features"], maps[2, "pooled"])
    assert set(np.unique(maps[2, "vote"])) <= {0, 0.5, 1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resize": "crop"}, "pad or squash"),
        ({"fusion": "sum"}, "pooled, masks"),
        ({"size": 8}, "32 or more"),
    ],
)
def test_a_wrong_option_is_named(net, options, said):
    with pytest.raises(UsageError, match=said):
        NetPredictor(net, **options)
    with pytest.raises(UsageError, match="Fit supports"):
        NetPredictor(net).predict(np.zeros((9, 9, 3), np.uint8))


def test_the_default_network_is_left_to_the_segmenter():
    with pytest.raises(UsageError, match="through the Segmenter"):
        NetPredictor(ASGNet.from_preset("default"))


def test_the_published_geometry_cuts_sides_to_multiples_of_eight(net):
    rounded, floored = (NetPredictor(net, size=73, geometry=name) for name in ("rounded", "floored"))
    assert [one._inner((375, 500)) for one in (rounded, floored)] == [(55, 73), (48, 72)]
    assert floored._inner((5, 500)) == (8, 72)
    checks = np.zeros((146, 146, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255  # a low-pass makes it grey, its lack does not
    assert rounded._frame(checks).std() < floored._frame(checks)[:, :72, :72].std()
    with pytest.raises(UsageError, match="geometry"):
        NetPredictor(net, geometry="round")
