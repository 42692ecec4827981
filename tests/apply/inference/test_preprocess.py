"""Pictures as the network takes them, and logits back at a picture's size."""

import numpy as np
import pytest
import torch

from asgnet.apply.engines.backend import channels_first
from asgnet.apply.inference.preprocess import enlarge, preprocess


def test_channels_come_first():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    first = channels_first(picture)
    assert first.shape == (1, 3, 2, 4)
    assert first[0, 1].tolist() == picture[..., 1].tolist()


def test_a_picture_at_either_working_scale():
    picture = np.full((60, 80, 3), 7, np.uint8)
    usual, fine = preprocess(picture, 128), preprocess(picture, 128, fine=True)
    assert (usual.shape, fine.shape) == ((1, 3, 96, 128), (1, 3, 128, 192))
    assert usual.dtype == fine.dtype == torch.uint8
    assert usual.unique().tolist() == fine.unique().tolist() == [7]


@pytest.mark.parametrize("size", [(512, 512), (97, 131), (1, 200), (300, 40), (1, 1), (2, 3)])
@pytest.mark.parametrize("classes", [1, 3])
def test_logits_at_the_picture_s_size(size, classes):
    logits = torch.randn(classes, 32, 32, generator=torch.Generator().manual_seed(0)) * 5
    found = enlarge(logits, size)
    assert found.shape == (classes, *size)
    assert found.dtype == np.float32
    assert found.min() >= logits.min() - 1e-4
    assert found.max() <= logits.max() + 1e-4
    alone = enlarge(logits[:1], size)
    np.testing.assert_allclose(found[:1], alone, atol=1e-5)  # classes do not mix


@pytest.mark.parametrize(("h", "w"), [(512, 512), (300, 200), (900, 1100)])
def test_an_object_keeps_its_shape(h, w):
    rows, columns = np.indices((h, w))
    mask = ((rows - h / 2) / (h / 3)) ** 2 + ((columns - w / 2) / (w / 4)) ** 2 <= 1
    share = torch.from_numpy(mask.astype(np.float32))[None, None]
    logits = torch.nn.functional.adaptive_avg_pool2d(share, (128, 128))[0] * 12 - 6
    found = enlarge(logits, (h, w))[0] > 0
    assert (found & mask).sum() / (found | mask).sum() > 0.97
