"""One bad object never costs the others: it is left aside with its picture, its number and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError)
"""What content of another form than a tool writes provokes."""
MOST_NAMED = 5


@dataclass(frozen=True)
class Skipped:
    """An object that cannot be used.

    Attributes:
        picture: as the file calls it; empty if unknown.
        number: among the picture's or the file's objects, from 1; 0: the whole picture.
        why: such as "lacks 'points'".
    """

    picture: str
    number: int
    why: str

    def __str__(self) -> str:
        what = f"object {self.number}" if self.number else "all"
        return f"{what} of {self.picture or 'a picture'} {self.why}"


@contextmanager
def skipping(skipped: list[Skipped], picture: str, number: int) -> Iterator[None]:
    """What goes wrong inside is noted, not raised."""
    try:
        yield
    except MALFORMED as error:
        skipped.append(Skipped(picture, number, reason(error)))


def reason(error: Exception) -> str:
    """What is wrong, to stand behind the culprit's name."""
    return f"lacks {error}" if isinstance(error, KeyError) else f"holds {error}"


def sentence(skipped: Sequence[Skipped]) -> str:
    """All of them in one, the first few by name."""
    shown = "; ".join(map(str, skipped[:MOST_NAMED]))
    more = f"; and {len(skipped) - MOST_NAMED} more" if len(skipped) > MOST_NAMED else ""
    many = f"{len(skipped)} objects are" if len(skipped) > 1 else "1 object is"
    return f"{many} skipped: {shown}{more}."
