"""A bit that flips in a concept's file is noticed; files of the versions before, which have no checksum, load."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from asgnet.apply.concept.file import Concept
from asgnet.errors import WeightsError


@pytest.fixture
def saved(tmp_path):
    random = np.random.default_rng(0)
    tensors = {name: random.normal(size=(2, 40)).astype(np.float32) for name in ("a", "b")}
    concept = Concept(("mug", "cat"), tensors, "network", ("x", "y"), (1, 1), made="2026", version="1.0.0")
    path = tmp_path / "it.concept"
    concept.save(path)
    return path


def test_every_flipped_bit_of_the_contents_is_noticed(saved, tmp_path):
    whole = saved.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    assert len(whole) - start == 2 * 2 * 40 * 4
    for at in range(start, len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(WeightsError, match="is damaged: its contents are not those that were saved"):
            Concept.load(tmp_path / "damaged")


def test_a_flipped_bit_of_the_header_changes_nothing_unnoticed(saved, tmp_path):
    whole, before = saved.read_bytes(), Concept.load(saved)
    loaded = 0
    for at in range(8, 8 + int.from_bytes(whole[:8], "little")):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            (tmp_path / "damaged").write_bytes(damaged)
            try:
                after = Concept.load(tmp_path / "damaged")
            except WeightsError:
                continue
            loaded += 1  # a space, or the checksum's own name: what it says is as before
            assert (after.classes, after.network, after.counts) == (
                before.classes,
                before.network,
                before.counts,
            )
            assert all(np.array_equal(after.tensors[name], before.tensors[name]) for name in before.tensors)
    assert loaded < 200


def test_a_file_without_a_checksum_loads(saved, tmp_path):
    with safe_open(saved, framework="numpy") as file:
        header = {key: value for key, value in file.metadata().items() if key != "checksum"}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, tmp_path / "old.concept", header)
    old = Concept.load(tmp_path / "old.concept")
    assert old.classes == ("mug", "cat")
    assert json.loads(header["classes"]) == ["mug", "cat"]
