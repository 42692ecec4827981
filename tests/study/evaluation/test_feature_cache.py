"""A network that looks at a picture once answers as it always would."""

import pytest
import torch

from asgnet.model import ASGNet
from asgnet.study.evaluation import feature_cache as once
from asgnet.study.evaluation.feature_cache import EncodesOnce


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ASGNet.from_preset("light").eval()


@pytest.fixture
def looked(net, monkeypatch):
    """How many pictures each look of the backbone was at."""
    found, see = [], net.backbone.forward
    monkeypatch.setattr(net.backbone, "forward", lambda images: found.append(len(images)) or see(images))
    return found


@torch.no_grad()
def test_a_picture_is_looked_at_once_and_its_features_stay_the_same(net, looked):
    pictures = torch.rand(3, 3, 64, 64)
    twin = EncodesOnce(net)
    first, again = twin.encode(pictures), twin.encode(pictures[[2, 0]])
    assert looked == [1, 1, 1]
    assert torch.equal(first.features[[2, 0]], again.features)
    torch.testing.assert_close(first.features, net.encode(pictures).features, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(("most", "room"), [(2, 1 << 30), (None, 0)])
def test_it_keeps_no_more_than_it_may(net, looked, monkeypatch, most, room):
    one, two, three = torch.rand(3, 1, 3, 64, 64)
    size = sum(part.nbytes for part in net.encode(one) if part is not None)
    monkeypatch.setattr(once, "KEPT_BYTES", room or 2 * size)
    looked.clear()
    twin = EncodesOnce(net, most)
    for picture in (one, two, one, three, one):
        twin.encode(picture)
    assert len(looked) == 3  # two are kept: the third took the second's place
    twin.encode(two)
    assert len(looked) == 4


@torch.no_grad()
def test_the_original_forgets_nothing_because_it_keeps_nothing(net, looked):
    picture = torch.rand(1, 3, 64, 64)
    EncodesOnce(net, 1).encode(picture)
    net.encode(picture)
    assert len(looked) == 2
