"""Make the next thing while one is used: in a thread, or in processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from asgnet.errors import AsgnetError

_T = TypeVar("_T")

PREFETCH = 4


def in_thread(make: Callable[[int], _T], numbers: Sequence[int]) -> Iterator[_T]:
    """``make(n)`` of each number in order, the next one in another thread while one is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(make, n) for n in numbers[:1]]
        for n in numbers[1:]:
            done = waiting.pop().result()
            waiting.append(pool.submit(make, n))
            yield done
        yield from (w.result() for w in waiting)


def in_processes(make: Callable[[int], _T], numbers: Sequence[int], workers: int) -> Iterator[_T]:
    """``make(n)`` of each number in order, made by other processes (in this one with 0 workers).

    An AsgnetError raised there arrives as it was, not wrapped in a traceback.
    """
    loader = DataLoader(
        _Made(make, numbers),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        pin_memory=torch.cuda.is_available(),  # a GPU copies the next batch while it computes this one
    )
    for made in loader:
        if isinstance(made, AsgnetError):
            raise made
        yield made


class _Made(TorchDataset, Generic[_T]):
    """A DataLoader's view of ``make``."""

    def __init__(self, make: Callable[[int], _T], numbers: Sequence[int]) -> None:
        self.make, self.numbers = make, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> _T | AsgnetError:
        try:
            return self.make(self.numbers[place])
        except AsgnetError as error:
            return error
