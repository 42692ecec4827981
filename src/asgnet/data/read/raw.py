"""Pictures whose values must first be shown: of more than 8 bits, or of other channels than red, green and blue.

How they are shown, their :class:`Rendering`, is decided once for all pictures that belong together: a range that
leaves out what is undefined and the few values far from all others, and the channels that become colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asgnet.data.read.channels import chosen
from asgnet.errors import note
from asgnet.types import Picture, Rendering

MOST_SAMPLED = 1_000_000
"""Values of a picture that its range is found from."""
TAIL = 0.1
"""Per cent of the values at either end that may lie beyond the range: hot pixels, dead ones."""
FEWEST = 1000
"""Values from which on there is an end to leave out."""
UNDEFINED = (-9999.0, -99999.0, -32768.0, -32767.0)
"""What programs write where nothing was measured, if it is the least value."""
FULL = ((0.0, 1.0), (0.0, 255.0), (0.0, 65535.0))
"""What parts, and whole numbers of 8 and 16 bits, may be."""
ABSURD = 1e30
"""Such values are never measured: the least and the largest float."""


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Raw:
    """A picture as its file has it.

    Attributes:
        name: for messages.
        values: ``h w c``, of any number type; ``h w 3`` uint8 is shown as it is.
        channels: their names, or none.
        undefined: the value that stands for nothing, if the file names one.
        window: (black, white) that the file asks for.
        turn: the orientation that it was stored in, EXIF's 1 to 8; ``values`` are upright.
    """

    name: str
    values: NDArray
    channels: tuple[str, ...] = ()
    undefined: float | None = None
    window: tuple[float, float] | None = None
    turn: int = 1

    @property
    def plain(self) -> bool:
        """Nothing is to be decided."""
        return self.values.dtype == np.uint8 and self.values.shape[2] == 3


def decide(raws: Sequence[Raw], channels: str = "", values: tuple[float, float] | None = None) -> Rendering:
    """How pictures that belong together are shown.

    Args:
        raws: they, or some of them.
        channels: as the person asked, see :func:`~asgnet.data.read.channels.chosen`; empty: the first ones.
        values: (black, white) as the person asked; None: found in the pictures.

    Raises:
        PictureError: there are no such channels.
    """
    deep = [raw for raw in raws if channels or not raw.plain]
    if not deep or values is not None:
        return Rendering(channels, values)
    shown = [(raw, *chosen(raw.values, raw.channels, channels, raw.name)) for raw in deep]
    for raw, _, said in shown[:1]:
        if said:
            note(f"{raw.name} {said}")
    if all(picked.dtype == np.uint8 for _, picked, _ in shown):
        return Rendering(channels, (0.0, 255.0))
    found = next((raw.window for raw in deep if raw.window), None) if not channels else None
    if found is not None:
        return Rendering(channels, found)
    measured = np.concatenate([_defined(raw, picked) for raw, picked, _ in shown])
    low, high = _range(measured, all(picked.dtype.kind in "biu" for _, picked, _ in shown))
    if (low, high) not in FULL and measured.any():
        note(
            f"{deep[0].name} has values from {measured.min():g} to {measured.max():g}; {low:g} is shown as "
            f"black and {high:g} as white."
        )
    return Rendering(channels, (low, high))


def render(raw: Raw, how: Rendering) -> Picture:
    """``h w 3`` uint8; what is undefined is black."""
    if raw.plain and not how.channels:
        return raw.values
    picked, _ = chosen(raw.values, raw.channels, how.channels, raw.name)
    low, high = (0.0, 255.0) if picked.dtype == np.uint8 else how.values or _own(raw, how.channels)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (picked.astype(np.float32) - low) * (255 / ((high - low) or 1)) + 0.5
    scaled[~_is_defined(raw, picked)] = 0
    shown = np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8)
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown


def _own(raw: Raw, channels: str) -> tuple[float, float]:
    """(black, white) of one picture for which nothing was decided."""
    return decide([raw], channels).values or FULL[1]


def _defined(raw: Raw, picked: NDArray) -> NDArray[np.float64]:
    """Some of the values that were measured, flat."""
    step = max(round((picked.size / MOST_SAMPLED) ** 0.5), 1)
    picked = picked[::step, ::step]
    return picked[_is_defined(raw, picked)].astype(np.float64)


def _is_defined(raw: Raw, picked: NDArray) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        defined = np.isfinite(picked) & (np.abs(picked, dtype=np.float64) < ABSURD)
    least = raw.undefined
    if least is None and picked.dtype.kind in "if" and defined.any():
        smallest = float(picked[defined].min())
        least = smallest if smallest in UNDEFINED else None
    return defined if least is None else defined & (picked != least)


def _range(values: NDArray[np.float64], whole: bool) -> tuple[float, float]:
    """Black and white: all that such values may be if they fill half of it, else where nearly all of them lie.

    Args:
        values: flat.
        whole: they are whole numbers by their type.
    """
    if not values.size:
        return 0.0, 1.0
    if values.size < FEWEST:
        low, high = float(values.min()), float(values.max())
    else:
        # The nearest values within: however far off a hot pixel is, it moves nothing.
        low = float(np.percentile(values, TAIL, method="higher"))
        high = float(np.percentile(values, 100 - TAIL, method="lower"))
    for _, most in FULL[1:] if whole and high > 1 else FULL[:1]:
        if low >= 0 and high <= most and high - low >= most / 2:
            return 0.0, most
    return (min(low, 0.0), high) if low == high else (low, high)
