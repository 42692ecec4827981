"""Every piece of work by itself, with pytest-benchmark:

make bench                                                      all of it, with the machine
python -m pytest benchmarks -k "sgc or gpa"                     some of it
python -m pytest benchmarks --benchmark-json speed.json         kept, to be compared
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from benchmarks.speed.measure import peak_bytes

from asgnet import Segmenter
from benchmarks.speed import processes, work

BOTH = pytest.mark.parametrize("how", ["ours", "plain"])
ENGINES = pytest.mark.parametrize("engine", work.engines())


@pytest.fixture(autouse=True)
def inference():
    """No gradients are recorded, as in use."""
    with torch.inference_mode():
        yield


def measured(benchmark, run, rounds=7):
    """A few rounds after one to warm up."""
    return benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)


@BOTH
@pytest.mark.benchmark(group="seeds, 5 in a quarter of 60×60")
def test_seeds(benchmark, how):
    measured(benchmark, getattr(work.seeds(), how), 30)


@BOTH
@pytest.mark.benchmark(group="SGC, 256 channels, 60×60, 5 prototypes, 10 iterations")
def test_sgc(benchmark, how):
    run = getattr(work.sgc(), how)
    benchmark.extra_info["peak_megabytes"] = peak_bytes(run) / 1e6
    measured(benchmark, run, 15)


@BOTH
@pytest.mark.benchmark(group="GPA, 256 channels, 60×60, 25 prototypes")
def test_gpa(benchmark, how):
    run = getattr(work.gpa(), how)
    benchmark.extra_info["peak_megabytes"] = peak_bytes(run) / 1e6
    measured(benchmark, run, 9)


@BOTH
@pytest.mark.benchmark(group="FEM, 60×60")
def test_decode(benchmark, how):
    measured(benchmark, getattr(work.decode(), how), 5)


@BOTH
@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.benchmark(group="paper-r50, an episode at 473×473")
def test_paper_episode(benchmark, how, shots):
    measured(benchmark, getattr(work.paper_episode(shots), how), 2)


@BOTH
@pytest.mark.benchmark(group="paper-r50, predict after fit at 473×473")
def test_paper_predict(benchmark, how):
    measured(benchmark, getattr(work.paper_predict(), how), 3)


@ENGINES
@pytest.mark.parametrize("shots", [1, 5, 20])
@pytest.mark.benchmark(group="default, predict after fit, 512×346")
def test_predict(benchmark, engine, shots):
    _, query, _ = work.scene()
    measured(benchmark, partial(work.segmenter(engine, shots).predict, query), 9)


@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize("adapt", [False, True], ids=["plain", "adapted"])
@pytest.mark.benchmark(group="default, fit")
def test_fit(benchmark, shots, adapt):
    segmenter = Segmenter.from_pretrained(engine="torch")
    measured(benchmark, partial(segmenter.fit, *work.examples(shots), adapt=adapt), 3)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.benchmark(
    group="a folder of 60 pictures, start and fit included (pictures a second: extra_info)"
)
def test_folder(benchmark, workers):
    took = benchmark.pedantic(processes.folder, (60, workers), rounds=1)
    benchmark.extra_info["pictures_per_second"] = 60 / took


@pytest.mark.parametrize("what", processes.START)
@pytest.mark.benchmark(group="a new process")
def test_start(benchmark, what):
    measured(benchmark, partial(processes.start, what), 3)


@ENGINES
@pytest.mark.parametrize("shots", [1, 20])
@pytest.mark.benchmark(group="peak memory of fit and predict (megabytes: extra_info)")
def test_peak_memory(benchmark, engine, shots):
    held = benchmark.pedantic(processes.peak_memory, (engine, shots), rounds=1)
    benchmark.extra_info["megabytes"] = held
