"""KeyedLock: one at a time for each key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import pytest

from asgnet.serving.keyed_lock import KeyedLock


def test_one_key_is_held_by_one_and_others_go_on():
    locks, both = KeyedLock(), Barrier(2)

    def meet(key: str) -> None:
        with locks.hold(key):
            both.wait(0.3)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(meet, ["a", "b"]))  # two keys: both are inside at once
        found = [pool.submit(meet, "a") for _ in range(2)]
        for one in found:
            with pytest.raises(BrokenBarrierError):  # one key: they never meet
                one.result()


def test_a_lock_is_released_whatever_happens_and_is_forgotten():
    locks = KeyedLock()
    with pytest.raises(KeyError), locks.hold("a"):
        raise KeyError
    with locks.hold("a"):
        assert len(locks._locks) == 1
    assert not locks._locks
