"""One backend for several Segmenters: pictures at their own sizes, an engine that is made once."""

import numpy as np
import pytest
import torch

from asgnet.apply.engines.backend import Backend


@pytest.fixture(scope="module")
def backend(net):
    return Backend(net, "cpu", "torch", "fp32", 128)


def test_each_picture_is_encoded_at_its_own_size(backend):
    pictures = [np.full((*size, 3), 90, np.uint8) for size in ((96, 128), (128, 96), (128, 128))]
    features = [backend.encode(picture) for picture in pictures]
    assert [one.fine[0].shape[-2:] for one in features] == [(48, 64), (64, 48), (64, 64)]
    assert [one.maps[-1].shape[-2:] for one in features] == [(3, 4), (4, 3), (4, 4)]


def test_a_cached_twin_leaves_the_original_without_a_cache(backend):
    picture = np.full((96, 96, 3), 90, np.uint8)
    twin = backend.with_feature_cache(predictions=True)
    first = twin.encode(picture)
    assert twin.encode(picture) is first
    assert backend.encode(picture) is not first
    assert backend.feature_cache is backend.prediction_cache is None
    for one, other in zip(first.maps, backend.encode(picture).maps, strict=True):
        assert torch.equal(one, other)


def test_pictures_of_the_same_bytes_and_other_sizes_are_told_apart(backend):
    twin = backend.with_feature_cache()
    wide, high = np.full((96, 128, 3), 90, np.uint8), np.full((128, 96, 3), 90, np.uint8)
    assert twin.encode(wide).maps[0].shape != twin.encode(high).maps[0].shape
