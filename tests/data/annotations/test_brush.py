"""Label Studio's brush code: exact bits, a decoder written from its description, and the way back."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asgnet.data.annotations import brush_region, brush_rle

regions = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def decoded(rle: list[int]) -> np.ndarray:
    """As label-studio-converter's decode_rle does it, bit by bit: all values, channels included."""
    stream = "".join(f"{byte:08b}" for byte in rle)
    at = 0

    def read(size: int) -> int:
        nonlocal at
        at += size
        return int(stream[at - size : at], 2)

    number, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < number:
        same, count = read(1), 1 + read(sizes[read(2)])
        values += [read(word)] * count if same else [read(word) for _ in range(count)]
    return np.array(values, np.uint8)


def test_two_pixels_bit_by_bit():
    # 8 values · words of 8 bits · counts of 3, 4, 8, 16 bits · a run of 4 zeros · a run of 4 times 255
    bits = f"{8:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits += "1" + "00" + "011" + "00000000" + "1" + "00" + "011" + "11111111"
    bits += "0" * (-len(bits) % 8)
    assert brush_rle(np.array([[False, True]])) == [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


@given(regions)
def test_a_region_comes_back(region):
    rle = brush_rle(region)
    assert all(type(byte) is int and 0 <= byte < 256 for byte in rle)
    np.testing.assert_array_equal(brush_region(rle, region.shape), region)
    np.testing.assert_array_equal(decoded(rle), np.repeat(region.ravel() * np.uint8(255), 4))


@pytest.mark.parametrize("pixels", [2, 3, 4, 5, 63, 64, 65, 16384, 16385, 40000])
def test_runs_of_every_length_of_count(pixels):
    region = np.ones((1, pixels), bool)
    region[0, 0] = False
    np.testing.assert_array_equal(brush_region(brush_rle(region), region.shape), region)
    assert decoded(brush_rle(region)).sum() == 255 * 4 * (pixels - 1)


def test_alpha_decides_and_values_may_come_as_they_are():
    values = [9, 9, 9, 0, 1, 2, 3, 4]
    bits = f"{8:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits += "0" + "00" + "111" + "".join(f"{v:08b}" for v in values)
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert brush_region(rle, (1, 2)).tolist() == [[False, True]]


@given(st.lists(st.integers(0, 255), max_size=40))
def test_any_other_bytes_are_refused_or_a_region(numbers):
    with contextlib.suppress(ValueError):
        assert brush_region(numbers, (2, 3)).shape == (2, 3)


def test_of_another_size():
    with pytest.raises(ValueError, match="of 6 pixels, not 4"):
        brush_region(brush_rle(np.ones((2, 3), bool)), (2, 2))


def test_cut_short():
    with pytest.raises(ValueError, match="cut short"):
        brush_region(brush_rle(np.ones((2, 3), bool))[:-2], (2, 3))
