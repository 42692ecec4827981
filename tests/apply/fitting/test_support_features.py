"""Features of supports: each view encoded once."""

from types import SimpleNamespace

import numpy as np

from asgnet.apply.concept.scale import LARGER
from asgnet.apply.engines.features import Features
from asgnet.apply.fitting.support_features import SupportFeatures


def test_each_view_is_encoded_once_and_only_if_asked():
    encoded = []

    def encode(picture):
        encoded.append(picture)
        return Features((), (np.zeros((1, 1, 4, 4), np.float32),))

    pictures = [np.full((60, 80, 3), grey, np.uint8) for grey in (64, 128)]
    features = SupportFeatures(SimpleNamespace(encode=encode, side=128), pictures)
    assert not encoded
    first = features(1)
    assert features(1) is first
    assert features(0) is not first
    assert features(1, LARGER) is features(1, LARGER)
    assert features(1, gamma=1.5) is not first
    assert [one.shape for one in encoded] == [(96, 128, 3), (96, 128, 3), (128, 192, 3), (96, 128, 3)]
    assert [int(one.mean()) for one in encoded] == [128, 64, 128, 91]  # darker: 255 · (128 / 255) ^ 1.5
