"""The same picture and concept give the same probabilities, bit for bit: whatever came before, on any threads."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.reliability.soak import scene

from asgnet.apply.engines.choose import installed
from asgnet.apply.engines.load import backend_of_weights
from asgnet.apply.segmenter import Segmenter
from asgnet.types import Prediction

SIZES = [(96, 128), (200, 130), (131, 97), (96, 128), (300, 400)]


def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (*size, 3)).astype(np.uint8) for size in SIZES]


def bits(one: Prediction) -> bytes:
    parts = [one, *one.by_class.values()]
    return b"".join(
        p.probability.tobytes() + p.guide.tobytes() + np.float64(p.presence).tobytes() for p in parts
    )


@pytest.fixture(scope="module", params=["onnx", "openvino"])
def concept(request):
    """Of three classes, and the engine that it is to be used with."""
    if not installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    segmenter = Segmenter(backend_of_weights(None, "cpu", request.param, "auto", 512, 1))
    shown = [scene(i, 200, 260) for i in range(3)]
    names = ("a", "b", "c")
    segmenter.fit([p for p, _ in shown], {n: [m if i == k else None for i, (_, m) in enumerate(shown)]
                                          for k, n in enumerate(names)})  # fmt: skip
    return request.param, segmenter.concept


def test_neither_the_order_nor_the_number_of_threads_changes_a_bit(concept):
    engine, learned = concept
    found: dict[int, set[bytes]] = {i: set() for i in range(len(SIZES))}
    for threads in (1, 2, 3, 8):
        segmenter = Segmenter(backend_of_weights(None, "cpu", engine, "auto", 512, threads))
        segmenter.concept = learned
        order = np.random.default_rng(threads).permutation(len(SIZES))
        for i in order:
            found[i].add(bits(segmenter.predict(pictures()[i])))
    assert [len(one) for one in found.values()] == [1] * len(SIZES)
