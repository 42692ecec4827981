"""The configuration of the default network."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from asgnet.model.default.calibration import Calibration

LEVELS = (1, 2, 3, 4, 5, 6)
"""The backbone's blocks whose maps the network works on."""
BACKBONE = "lite0"
FIRST_FORM: dict[str, Any] = {
    "backbone": BACKBONE, "levels": LEVELS, "length": 0.0, "region": "area", "border": True,
    "rounding": "floor", "reduce": "max", "decoder": "weigh", "hidden": 32, "inner": True,
}  # fmt: skip
"""What ``config.json`` held beside ``channels``, ``area`` and ``most`` in the first version of asgnet. Such files
still load, and fingerprints are still made of this form, so that concepts of that version keep their network.
"""


@dataclass(frozen=True)
class DefaultConfig:
    """Everything that composes a :class:`~asgnet.model.default.network.DefaultNet`; plain values.

    Attributes:
        backbone: ``"lite0"``, the only one whose levels have settled roles.
        channels: of the query's projected features, its *appearance*.
        area: object cells of the prototype grid per prototype.
        most: prototypes per support, at most.
        calibration: all tuned numbers.
    """

    backbone: str = BACKBONE
    channels: int = 16
    area: int = 16
    most: int = 5
    calibration: Calibration = field(default_factory=Calibration)

    def identity(self) -> dict[str, Any]:
        """What a fingerprint is made of: the first version's form, and the numbers that are no longer its."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "calibration"}
        usual = asdict(Calibration())
        changed = {k: v for k, v in asdict(self.calibration).items() if v != usual[k]}
        return FIRST_FORM | own | ({"calibration": changed} if changed else {})
