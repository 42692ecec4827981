"""Turns: one at a time for each key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import pytest

from asgnet.serving.keyed_lock import Turns


def test_one_key_is_held_by_one_and_others_go_on():
    turns, both = Turns(), Barrier(2)

    def meet(key: str) -> None:
        with turns.turn(key):
            both.wait(0.3)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(meet, ["a", "b"]))  # two keys: both are inside at once
        found = [pool.submit(meet, "a") for _ in range(2)]
        for one in found:
            with pytest.raises(BrokenBarrierError):  # one key: they never meet
                one.result()


def test_a_turn_ends_whatever_happens_and_is_forgotten():
    turns = Turns()
    with pytest.raises(KeyError), turns.turn("a"):
        raise KeyError
    with turns.turn("a"):
        assert len(turns._turns) == 1
    assert not turns._turns
