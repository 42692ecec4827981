"""The configuration of the default network."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from asgnet.errors import WeightsError
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


NETWORK = "network"
"""Key of ``config.json`` with the value "default": the configuration is a :class:`DefaultConfig`."""


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


def default_config(values: Any, file: Path) -> DefaultConfig:
    """A configuration as a file holds it, of this version or the first, every value of the type it should have.

    Raises:
        WeightsError: it is another's.
    """
    usual = {NETWORK: "default", **FIRST_FORM, **asdict(DefaultConfig()), "calibration": {}}
    settings = typed(values, usual, file)
    numbers = typed(settings.get("calibration", {}), asdict(Calibration()), file)
    own = {name: settings[name] for name in asdict(DefaultConfig()) if name in settings}
    return DefaultConfig(**own | {"calibration": Calibration(**numbers)})


MOST, MOST_VALUES = 10_000, 64
"""Of a whole number in a configuration, and of numbers in a list."""


def typed(values: Any, usual: dict[str, Any], file: Path) -> dict[str, Any]:
    """Settings of the usual ones' names and types, in any number."""
    if not isinstance(values, dict) or set(values) - set(usual):
        raise WeightsError(
            f"{file} is not the configuration of an ASGNet of this version; "
            "give a folder that asgnet train wrote, or update asgnet."
        )
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    for key, value in values.items():
        if not _alike(value, usual[key]) or not _bounded(value):
            raise WeightsError(f"{file}: {key!r} cannot be {value!r:.60}; copy the folder again.")
    return values


def _bounded(value: Any) -> bool:
    """No network is so large: a folder of somebody else's must not make one that takes all memory."""
    if isinstance(value, tuple):
        return len(value) <= MOST_VALUES and all(_bounded(one) for one in value)
    return isinstance(value, bool) or not isinstance(value, int) or 0 <= value <= MOST


def _alike(value: Any, usual: Any) -> bool:
    if isinstance(usual, tuple):
        return isinstance(value, tuple) and all(isinstance(x, int | float) for x in value)
    return isinstance(value, int | float if isinstance(usual, float) else type(usual))
