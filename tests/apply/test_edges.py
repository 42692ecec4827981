"""Following edges changes where the answer ends, not what it says."""

import numpy as np
import pytest
import torch

from asgnet.apply.edges import follow_edges


def picture(h, w, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(512, 512), (97, 131), (1, 200), (3000, 40), (1, 1), (2, 3)])
@pytest.mark.parametrize("classes", [1, 3])
def test_logits_at_the_picture_s_size(size, classes):
    logits = torch.randn(classes, 32, 32, generator=torch.Generator().manual_seed(0)) * 5
    found = follow_edges(logits, picture(*size))
    assert found.shape == (classes, *size)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@pytest.mark.parametrize("make", [picture, lambda h, w: np.full((h, w, 3), 255, np.uint8)])
def test_what_is_the_same_everywhere_stays(make):
    found = follow_edges(torch.full((1, 16, 16), -2.5), make(75, 90))
    np.testing.assert_allclose(found, -2.5, atol=1e-3)


def test_classes_do_not_mix():
    logits = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(1))
    together = follow_edges(logits, picture(50, 60))
    for i in range(2):
        np.testing.assert_allclose(
            together[i], follow_edges(logits[i : i + 1], picture(50, 60))[0], atol=1e-4
        )


def test_nothing_given_is_changed():
    logits, image = torch.randn(1, 16, 16), picture(40, 30)
    before = logits.clone(), image.copy()
    follow_edges(logits, image)
    assert torch.equal(logits, before[0])
    np.testing.assert_array_equal(image, before[1])


@pytest.mark.parametrize(("h", "w"), [(512, 512), (300, 200), (900, 1100)])
def test_an_object_with_clear_edges_keeps_its_shape(h, w):
    rows, columns = np.indices((h, w))
    mask = ((rows - h / 2) / (h / 3)) ** 2 + ((columns - w / 2) / (w / 4)) ** 2 <= 1
    image = np.where(mask[..., None], np.uint8([200, 60, 40]), np.uint8([40, 90, 160]))
    share = torch.from_numpy(mask.astype(np.float32))[None, None]
    logits = torch.nn.functional.adaptive_avg_pool2d(share, (128, 128))[0] * 12 - 6
    found = follow_edges(logits, image)[0] > 0
    assert (found & mask).sum() / (found | mask).sum() > 0.97
