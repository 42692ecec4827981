"""Clocks, and what needs no clock: bytes held, multiplications done; the machine and its peak."""

from __future__ import annotations

import os
import platform
import statistics
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

Run = Callable[[], object]
PACKAGES = ("torch", "timm", "numpy", "onnxruntime", "openvino")


def interleaved(
    runs: Mapping[str, Run], rounds: int = 7, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each run, taken in turns so that a busy moment meets all of them; one warm-up each.

    Args:
        runs: by name.
        rounds: turns.
        clock: ``time.process_time`` counts this process's work only, which other processes disturb less.
    """
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            began = clock()
            run()
            if turn:
                spent[name].append(clock() - began)
    return {name: statistics.median(taken) for name, taken in spent.items()}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def peak_bytes(run: Run) -> int:
    """Most bytes of tensors made inside ``run`` and alive at once; the same on every machine."""
    counter = _Alive()
    with counter:
        kept = run()
    del kept
    return counter.peak


def flops(run: Run) -> int:
    """Multiplications and additions of ``run``'s matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


class _Alive(TorchDispatchMode):
    """Follows the storage of every tensor that an operation gives back."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._users: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {t.untyped_storage().data_ptr() for t in tree_leaves((args, kwargs)) if _is_tensor(t)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if not _is_tensor(tensor):
                continue
            place, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
            if not size or (place in given and place not in self._users):
                continue  # a view of something made before
            self._users[place] = self._users.get(place, 0) + 1
            if self._users[place] == 1:
                self.now += size
                self.peak = max(self.peak, self.now)
            weakref.finalize(tensor, self._gone, place, size)
        return out

    def _gone(self, place: int, size: int) -> None:
        self._users[place] -= 1
        if not self._users[place]:
            del self._users[place]
            self.now -= size


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def machine() -> dict[str, str]:
    """What the figures depend on."""
    found = {"processor": _processor(), "cores": str(os.cpu_count()), "vectors": _vectors()}
    found |= {"memory": f"{_memory() / 2**30:.0f} GB", "system": platform.system()}
    found["python"] = platform.python_version()
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    found["torch threads"] = str(torch.get_num_threads())
    found["load before"] = f"{os.getloadavg()[0]:.1f}"
    return found


def machine_peak(side: int = 2048, copied: int = 1 << 25) -> tuple[float, float]:
    """(floating-point operations, bytes moved) per second, the best of several on all of torch's threads.

    Args:
        side: of the matrices that are multiplied.
        copied: numbers.
    """
    a, b = torch.rand(side, side), torch.rand(side, side)
    source = torch.rand(copied)
    target = torch.empty_like(source)
    product = min(_seconds(lambda: a @ b) for _ in range(9))
    moved = min(_seconds(lambda: target.copy_(source)) for _ in range(9))
    return 2 * side**3 / product, 2 * source.nbytes / moved


def peak_memory() -> float:
    """Megabytes that this process held at most."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage answers with the parent's peak where that was higher
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def _seconds(run: Run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _vectors() -> str:
    return torch.backends.cpu.get_cpu_capability()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
