"""One backend for several Segmenters: pictures at their own sizes, graphs that are made once."""

import numpy as np
import pytest

from asgnet.apply.engines.load import backend_of_weights


@pytest.fixture(scope="module")
def backend():
    return backend_of_weights(None, "cpu", "onnx", "fp32", 128)


def test_each_picture_is_encoded_at_its_own_size(backend):
    pictures = [np.full((*size, 3), 90, np.uint8) for size in ((96, 128), (128, 96), (128, 128))]
    features = [backend.encode(picture) for picture in pictures]
    assert [one.fine[0].shape[-2:] for one in features] == [(48, 64), (64, 48), (64, 64)]
    assert [one.maps[-1].shape[-2:] for one in features] == [(3, 4), (4, 3), (4, 4)]


def test_a_cached_twin_leaves_the_original_without_a_cache(backend):
    picture = np.full((96, 96, 3), 90, np.uint8)
    twin = backend.with_feature_cache()
    first = twin.encode(picture)
    assert twin.encode(picture) is first
    assert backend.encode(picture) is not first
    assert backend.feature_cache is None
    for one, other in zip(first.maps, backend.encode(picture).maps, strict=True):
        assert np.array_equal(one, other)


def test_pictures_of_the_same_bytes_and_other_sizes_are_told_apart(backend):
    twin = backend.with_feature_cache()
    wide, high = np.full((96, 128, 3), 90, np.uint8), np.full((128, 96, 3), 90, np.uint8)
    assert twin.encode(wide).maps[0].shape != twin.encode(high).maps[0].shape


def test_graphs_are_made_once_for_all_copies(backend):
    assert backend.with_feature_cache().graphs is backend.graphs


def test_statistics_depend_on_the_support_alone(backend, paint):
    """Whatever was asked before, the same picture and mask give the same numbers, bit for bit."""
    picture, mask = paint(96, 128)
    other, beside = paint(96, 128, seed=1)
    first, _ = backend.statistics(backend.encode(picture), mask.astype(np.uint8))
    backend.statistics(backend.encode(other), beside.astype(np.uint8))
    again, _ = backend.statistics(backend.encode(picture), mask.astype(np.uint8))
    for one, same in zip(first, again, strict=True):
        for name in one._fields:
            assert np.array_equal(getattr(one, name), getattr(same, name)), name


def test_superpixels_lie_in_the_object(backend, paint):
    picture, mask = paint(96, 128)
    support, parts = backend.statistics(backend.encode(picture), mask.astype(np.uint8))
    assert parts.shape == (6, 8)
    assert set(np.unique(parts)) <= {-1, *range(len(support.object.prototypes))}
    assert (parts >= 0).any()
