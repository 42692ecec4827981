"""A network that encodes a picture once gives the features it always would."""

import pytest
import torch

from asgnet.model import ASGNet
from asgnet.study.evaluation.feature_cache import FeatureCache


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ASGNet.from_preset("light").eval()


@pytest.fixture
def encoded(net, monkeypatch):
    """How many pictures each call of the backbone was given."""
    found, project = [], net.project
    monkeypatch.setattr(net, "project", lambda maps: found.append(len(maps[0])) or project(maps))
    return found


@torch.no_grad()
def test_a_picture_is_encoded_once_and_its_features_stay_the_same(net, encoded):
    pictures = torch.rand(3, 3, 64, 64)
    encode = FeatureCache(net.encode)
    first, again = encode(pictures), encode(pictures[[2, 0]])
    assert encoded == [1, 1, 1]
    assert torch.equal(first.features[[2, 0]], again.features)
    torch.testing.assert_close(first.features, net.encode(pictures).features, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("bound", ["pictures", "bytes"])
def test_it_keeps_no_more_than_it_may(net, encoded, bound):
    one, two, three = torch.rand(3, 1, 3, 64, 64)
    size = sum(part.nbytes for part in net.encode(one) if part is not None)
    encode = FeatureCache(net.encode, **({"most": 2} if bound == "pictures" else {"most_bytes": 2 * size}))
    encoded.clear()
    for picture in (one, two, one, three, one):
        encode(picture)
    assert len(encoded) == 3  # two are kept: the third took the second's place
    encode(two)
    assert len(encoded) == 4


@torch.no_grad()
def test_what_is_too_large_to_keep_is_encoded_each_time(net, encoded):
    encode = FeatureCache(net.encode, most_bytes=1)
    encode(torch.zeros(1, 3, 64, 64))
    encode(torch.zeros(1, 3, 64, 64))
    assert encoded == [1, 1]
