"""Measuring without a clock gives exact numbers."""

import itertools
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import torch
from benchmarks.speed.measure import flops, interleaved, machine, machine_peak, peak_bytes, peak_memory


def test_bytes_alive_at_once():
    ready = torch.ones(1000)

    def run():
        a = ready + 1  # 4,000 bytes
        b = a * 2  # 8,000
        del a  # 4,000
        c = torch.cat([b, b])  # 12,000
        d = c.view(2, 1000)  # no more
        return d[0] + ready  # 16,000

    assert peak_bytes(run) == 16_000
    assert peak_bytes(lambda: ready.view(10, 100)) == 0
    assert peak_bytes(lambda: ready.add_(1)) == 0


def test_operations_of_a_product():
    assert flops(lambda: torch.ones(2, 3) @ torch.ones(3, 5)) == 2 * 2 * 3 * 5


def test_turns_are_taken_and_the_median_counts():
    order, ticks = [], itertools.count()
    found = interleaved(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3, lambda: next(ticks)
    )
    assert order == ["a", "b"] * 4
    assert found == {"a": 1, "b": 1}


def test_the_machine_is_described():
    facts = machine()
    assert facts["torch"] == version("torch")
    assert all(facts.values())
    assert machine_peak(64, 1 << 12) > (0, 0)


def test_peak_memory_is_of_this_process_not_of_its_parent():
    del [np.ones(50_000_000)][:]  # 400 MB, held for a moment
    program = (
        "import sys; from benchmarks.speed.measure import peak_memory; sys.stdout.write(str(peak_memory()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 10 < float(done.stdout) < peak_memory() - 300
