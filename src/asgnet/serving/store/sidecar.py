"""What the index knows of a concept, written beside its file: enough to make a new index of the files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from asgnet.apply.examples.unpainted import stated
from asgnet.errors import UsageError
from asgnet.files import save_bytes
from asgnet.types import Unpainted

FORMAT = "asgnet-serve-concept-1"


class ExampleRow(NamedTuple):
    """A row of the index's table of supports."""

    file: str
    name: str
    width: int
    height: int


@dataclass(frozen=True)
class Sidecar:
    """What a concept's own file does not say.

    Attributes:
        version: counts its fits from 1; the file is called so.
        examples: in order.
        unpainted: what their unpainted pixels are.
    """

    name: str
    adapt: str
    version: int
    created: float
    updated: float
    notes: tuple[str, ...]
    examples: tuple[ExampleRow, ...]
    unpainted: Unpainted = "background"

    def save(self, path: Path) -> None:
        """Write it, whole or not at all; OutputError if that cannot be."""
        said = {"format": FORMAT, **asdict(self), "examples": [row._asdict() for row in self.examples]}
        save_bytes(path, json.dumps(said).encode())


def read_sidecar(path: Path) -> Sidecar | None:
    """What :meth:`Sidecar.save` wrote; None if it is missing, damaged or something else."""
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        if said["format"] != FORMAT:
            return None
        rows = [
            ExampleRow(str(r["file"]), str(r["name"]), int(r["width"]), int(r["height"]))
            for r in said["examples"]
        ]
        return Sidecar(
            str(said["name"]), str(said["adapt"]), int(said["version"]), float(said["created"]),
            float(said["updated"]), tuple(map(str, said["notes"])), tuple(rows),
            stated(said.get("unpainted", "background"), 1)[0],
        )  # fmt: skip
    except (OSError, UsageError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
