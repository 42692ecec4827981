"""Label Studio's brush strokes: run lengths packed bit by bit (the "rle" of its brush labels), out and in.

A picture's pixels row by row, four values each (red, green, blue, alpha; alpha decides). The header is
32 bits for the number of values, 5 for the word size less one and four times 4 for the sizes of a count, less
one. Then come pieces: one bit (1 is a run of one value, 0 are values as they are), 2 for which size the count
has, the count less one, and the value or values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CHANNELS = 4
_WORD = 8
_SIZES = (3, 4, 8, 16)


def brush_rle(region: NDArray[np.bool_]) -> list[int]:
    """A region ``h w`` bool as the bytes of a brush label's ``rle``."""
    flat = region.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    lengths = np.diff(ends, prepend=0) * _CHANNELS
    header = f"{flat.size * _CHANNELS:032b}{_WORD - 1:05b}" + "".join(f"{size - 1:04b}" for size in _SIZES)
    pieces = [header]
    value = bool(flat[0]) if flat.size else False
    for length in lengths.tolist() if flat.size else ():
        pieces.append(_run(length, "1" * _WORD if value else "0" * _WORD))
        value = not value
    bits = "".join(pieces)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def brush_region(rle: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """What :func:`brush_rle` wrote, or Label Studio itself: object where alpha is not 0, ``h w`` bool.

    Raises:
        ValueError: it is no such code, or one of another size than ``(h, w)``.
    """
    bits = _Bits(bytes(rle))
    number, word = bits.take(32), bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in _SIZES]
    if number != size[0] * size[1] * _CHANNELS:
        raise ValueError(f"a brush label of {number // _CHANNELS} pixels, not {size[0] * size[1]}")
    values = np.zeros(number, bool)
    at = 0
    while at < number:
        run = bits.take(1)
        end = at + 1 + bits.take(sizes[bits.take(2)])
        if end > number:
            raise ValueError("a brush label with more values than it announces")
        if run:
            values[at:end] = bits.take(word) != 0
        else:
            values[at:end] = [bits.take(word) != 0 for _ in range(end - at)]
        at = end
    return values[_CHANNELS - 1 :: _CHANNELS].reshape(size)


def _run(length: int, value: str) -> str:
    """A run as bits, in pieces of the longest count."""
    most = 1 << _SIZES[-1]
    whole, rest = divmod(length, most)
    last = len(_SIZES) - 1
    text = f"1{last:02b}{most - 1:0{_SIZES[-1]}b}{value}" * whole
    if rest:
        which = next(i for i, size in enumerate(_SIZES) if rest <= 1 << size)
        text += f"1{which:02b}{rest - 1:0{_SIZES[which]}b}{value}"
    return text


class _Bits:
    """Numbers out of bytes, bit by bit from the highest."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        end = self.at + count
        if end > 8 * len(self.data):
            raise ValueError("a brush label that is cut short")
        number = int.from_bytes(self.data[self.at // 8 : -(-end // 8)], "big") >> (-end % 8)
        self.at = end
        return number & ((1 << count) - 1)
