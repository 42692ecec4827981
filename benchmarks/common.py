"""What the measuring programs share: their arguments, tables in Markdown, and fitting on pairs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray

from asgnet import Segmenter

ROOT = Path(__file__).parents[1]
Pair = tuple[NDArray, NDArray]
"""A picture and its mask."""


def arguments(doc: str) -> argparse.ArgumentParser:
    """A parser whose help is the program's docstring."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)


def row(cells: Sequence[object]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def table(head: Sequence[str], rows: Sequence[Sequence[object]] = ()) -> str:
    """A Markdown table; without rows its head alone, for rows that are printed one by one."""
    return "\n".join(row(cells) for cells in (head, ["---"] * len(head), *rows))


def fitted(segmenter: Segmenter, examples: Sequence[Pair], adapt: bool = True) -> Segmenter:
    """The same Segmenter, fitted on pairs of picture and mask."""
    segmenter.fit([picture for picture, _ in examples], [mask for _, mask in examples], adapt=adapt)
    return segmenter
