"""Measured times against the least that this machine could take for the same arithmetic and the same memory.

The floor of a piece of work is the longer of two times: its multiplications and additions at the speed of
this machine's best matrix product, and the bytes that it must at least read and write once (inputs, weights,
answer) at the speed of its copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from benchmarks.speed.measure import Run, flops, interleaved, machine_peak
from torch import Tensor, nn

from asgnet.model.checkpoint import pretrained
from benchmarks.speed import work


class Roof(NamedTuple):
    """One piece of work.

    Attributes:
        work: which.
        flops: counted.
        bytes: that it must move.
        floor: seconds.
        measured: seconds.
    """

    work: str
    flops: int
    bytes: int
    floor: float
    measured: float


def roofs(peak: tuple[float, float] | None = None, rounds: int = 5) -> Iterator[Roof]:
    """All of them.

    Args:
        peak: as :func:`machine_peak` answers; measured if not given.
        rounds: of each measurement.
    """
    speed, copies = machine_peak() if peak is None else peak
    for name, run, moved in _pieces():
        with torch.inference_mode():
            done = flops(run)
            measured = interleaved({name: run}, rounds)[name]
        yield Roof(name, done, moved, max(done / speed, moved / copies), measured)


def _pieces() -> Iterator[tuple[str, Run, int]]:
    _, quick = work.paper_nets()
    features = 4 * work.CHANNELS * work.GRID**2
    yield "SGC, 5 prototypes, 10 iterations", work.sgc().ours, features
    yield "GPA, 25 prototypes", work.gpa().ours, 2 * features
    yield "FEM", work.decode().ours, 2 * features + _bytes(quick.decoder)
    picture = 4 * 3 * work.SIDE**2
    yield "paper-r50, predict", work.paper_predict().ours, 2 * picture + _bytes(quick)
    segmenter = work.segmenter("torch")
    _, query, _ = work.scene()

    def predict() -> object:
        return segmenter.predict(query)

    yield "default, predict, torch", predict, 8 * query.size + _bytes(pretrained())


def _bytes(net: nn.Module) -> int:
    tensors: list[Tensor] = [*net.parameters(), *net.buffers()]
    return sum(t.nbytes for t in tensors)
