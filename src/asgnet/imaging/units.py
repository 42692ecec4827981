"""Lengths and areas in units, and what they are in pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asgnet.errors import UsageError

_UNITS = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
"""In metres; ``µm`` is ``um``."""
_QUANTITY = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([a-zA-Zµμ]*)(?:2|²|\^2)?\s*")


@dataclass(frozen=True)
class PixelSize:
    """The side of a square pixel.

    Attributes:
        side: in ``unit``, above 0.
        unit: ``nm``, ``um``, ``mm``, ``cm``, ``m``; or ``px``, where nothing is known.
    """

    side: float = 1.0
    unit: str = "px"

    @staticmethod
    def parse(text: str) -> PixelSize:
        """``0.25um`` -> its pixel size; UsageError if it is none."""
        side, unit = _parsed(text, "A pixel size is a length such as 0.25um")
        if unit in ("", "px") or not side:
            raise UsageError(f"A pixel size is a length such as 0.25um, with its unit, not {text!r}.")
        return PixelSize(side, unit)

    @staticmethod
    def has(unit: str) -> bool:
        """Is it a unit of length that is known here?"""
        return unit in _UNITS

    @property
    def metres(self) -> float:
        """The side in metres; of pixels that nothing is known of there is none: KeyError."""
        return self.side * _UNITS[self.unit]

    def pixels(self, area: str) -> float:
        """``20um2`` or ``20`` (pixels) -> how many pixels an area has.

        Raises:
            UsageError: it is no area, or has a unit while pixels have none.
        """
        value, unit = check_area(area)
        if not unit or unit == "px":
            return value
        if self.unit == "px":
            raise UsageError(f"An area of {area} needs the size of a pixel; give --pixel-size 0.25um, say.")
        return value * (_UNITS[unit] / self.metres) ** 2


PIXELS = PixelSize()
"""Nothing is known of them."""


def check_area(area: str) -> tuple[float, str]:
    """Its number and its unit of length, ``px`` or none for pixels; UsageError if it is no area."""
    return _parsed(area, "An area is a number of pixels, or such as 20um2")


def _parsed(text: str, form: str) -> tuple[float, str]:
    found = _QUANTITY.fullmatch(text)
    unit = found[2].replace("µ", "u").replace("μ", "u") if found else ""
    if found is None or unit not in ("", "px", *_UNITS):
        raise UsageError(f"{form} (units: {', '.join(_UNITS)}), not {text!r}.")
    return float(found[1]), unit
