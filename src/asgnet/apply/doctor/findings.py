"""What the doctor finds: one finding an example, and the diagnosis of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.doctor.quality import Expected
from asgnet.types import Support

GOOD, HARD = 0.6, 0.4
"""IoU from which an example is called good, and below which it is called hard."""


@dataclass(frozen=True)
class Finding:
    """What the doctor says of one example.

    Attributes:
        name: the picture.
        usable: it can be read, and something is painted.
        area: share of the picture that is painted, in [0, 1]; None if unusable.
        iou: leave-one-out IoU, in [0, 1] (of the only example: on an altered view of itself).
        wrong: the mask looks inverted, moved or swapped.
        remarks: sentences, the gravest first; empty if all is well.
        missed: share of the object that the others take for background, in [0, 1].
        spilled: background that the others take for the object, as a share of the object's area.
        label: the class, where there are several.
        more: how many pieces look like the object and are unpainted.
    """

    name: str
    usable: bool
    area: float | None = None
    iou: float | None = None
    wrong: bool = False
    remarks: tuple[str, ...] = ()
    missed: float | None = None
    spilled: float | None = None
    label: str = ""
    more: int = 0

    @property
    def verdict(self) -> str:
        """``good``, ``fair``, ``hard``, ``wrong`` or ``unusable``."""
        if not self.usable or self.iou is None:
            return "unusable"
        if self.wrong:
            return "wrong"
        return "good" if self.iou >= GOOD else "fair" if self.iou >= HARD else "hard"

    @property
    def words(self) -> str:
        """The finding for a person: a line, and an indented one for each remark."""
        of = f" ({self.label})" if self.label else ""
        line = f"{self.name}{of}: {self.verdict}"
        if self.area is not None and self.iou is not None:
            line += f" (found with IoU {self.iou:.2f}; painted {self.area:.1%} of the picture)"
        return "\n".join([line, *(f"    {remark}" for remark in self.remarks)])

    @property
    def record(self) -> dict[str, Any]:
        """The finding as plain values for ``json.dumps``."""
        return {**asdict(self), "verdict": self.verdict, "remarks": list(self.remarks)}


@dataclass(frozen=True)
class Examined:
    """An example as it was examined, for a figure: at most 1,024 pixels wide.

    Attributes:
        support: as read, or as altered if it is the only one.
        found: ``h w`` bool, what the others found in it.
        finding: its position among the findings.
    """

    support: Support
    found: NDArray[np.bool_]
    finding: int


@dataclass(frozen=True)
class Diagnosis:
    """All findings in the order of the examples, and the sentence that sums them up.

    Attributes:
        findings: one an example; of several classes one after the other.
        advice: what to do next.
        expected: quality on new pictures with the examples that are not wrong, None without any; of several
            classes the worst.
        examined: the readable examples and what was found in them.
    """

    findings: tuple[Finding, ...]
    advice: str
    expected: Expected | None = None
    examined: tuple[Examined, ...] = ()

    @property
    def usable(self) -> bool:
        """Every example can be used."""
        return all(finding.usable for finding in self.findings)


def advice(findings: Sequence[Finding]) -> str:
    """One sentence: what to do next."""

    def names(*verdicts: str) -> str:
        return ", ".join(dict.fromkeys(f.name for f in findings if f.verdict in verdicts))

    if names("unusable", "wrong"):
        return f"Mend or leave out {names('unusable', 'wrong')}."
    if names("hard"):
        return f"Check {names('hard')}: a right mask there adds variety, a wrong one harms."
    if len(findings) == 1:
        return "The example finds itself in an altered view; a second one would show more."
    if names("fair"):
        weakest = min(findings, key=lambda f: f.iou or 0.0)
        return f"The examples work; more like {weakest.name}, the least well found, would help most."
    return "All examples agree."
