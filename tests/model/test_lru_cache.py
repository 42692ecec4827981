"""What was said lately is said again; no more is kept than may be."""

import torch

from asgnet.model.lru_cache import Recent


def test_the_latest_are_kept_and_fewer_once_fewer_may_be():
    recent, asked = Recent(3), []

    def ask(images):
        asked.append(float(images))
        return images * 2

    pictures = [torch.full((1,), float(i)) for i in range(3)]
    assert [float(recent(p, ask)) for p in [*pictures, *pictures]] == [0, 2, 4, 0, 2, 4]
    assert asked == [0, 1, 2]
    recent.most = 1
    assert float(recent(pictures[0], ask)) == 0
    assert len(recent.known) == 1
    recent(pictures[2], ask)
    assert asked == [0, 1, 2, 2]
