"""Which channels of a picture become its colours: names, numbers, or an index such as ``(4-3)/(4+3)``."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import PictureError

COLOURS = 3
_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def chosen(values: NDArray, names: Sequence[str], wanted: str, shown: str) -> tuple[NDArray, str]:
    """The channels that are shown, ``h w 1`` or ``h w 3``, and what was decided about them, if anything.

    Args:
        values: ``h w c``.
        names: of the channels; may be empty.
        wanted: one or three terms with commas between: a channel's name, its number from 1, or an index of
            them with + - * / and parentheses. Empty: a single channel is grey, of two or more the first three
            are red, green and blue.
        shown: the picture's name, for messages.

    Raises:
        PictureError: there is no such channel, or a term cannot be understood.
    """
    count = values.shape[2]
    if not wanted:
        return _default(values, names)
    terms = [term.strip() for term in re.split(r",(?![^(]*\))", wanted)]
    if len(terms) not in (1, COLOURS):
        raise PictureError(
            f"The channels {wanted!r} are {len(terms)} terms, not one or three; write --channels 3,2,1 for red, "
            "green and blue."
        )
    known = {name.casefold(): i for i, name in enumerate(names) if name}
    parts = [_term(term, values, known, f"{shown} has {_counted(count, names)}") for term in terms]
    return np.stack(parts, axis=2), ""


def _default(values: NDArray, names: Sequence[str]) -> tuple[NDArray, str]:
    count = values.shape[2]
    if count in (1, COLOURS):
        return values, ""
    if count == 2:
        padded = np.concatenate([values, np.zeros_like(values[..., :1])], axis=2)
        return padded, "has 2 channels, shown as red and green; --channels chooses others."
    labels = ", ".join(names[:COLOURS]) if len(names) >= COLOURS and all(names[:COLOURS]) else "1, 2 and 3"
    said = f"has {count} channels; {labels} are shown as red, green and blue, and --channels chooses others."
    return values[..., :COLOURS], said


def _term(term: str, values: NDArray, known: dict[str, int], shown: str) -> NDArray:
    """One channel ``h w`` as it is, or an index of several as float32."""
    simple = _place(term, known)
    if simple is not None:
        return _channel(values, simple, term, shown)
    names = sorted(known, key=len, reverse=True)
    spelled = term
    for name in names:  # names may hold spaces and signs, which Python's grammar would not take
        spelled = re.sub(re.escape(name), f" c{known[name] + 1} ", spelled, flags=re.IGNORECASE)
    spelled = re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"c\1", spelled)
    try:
        tree = ast.parse(spelled.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PictureError(_unclear(term, shown)) from error
    with np.errstate(divide="ignore", invalid="ignore"):
        return _computed(tree, values, term, shown)


def _computed(node: ast.expr, values: NDArray, term: str, shown: str) -> NDArray:
    if isinstance(node, ast.Name) and re.fullmatch(r"c\d{1,6}", node.id):
        return _channel(values, int(node.id[1:]) - 1, term, shown).astype(np.float32)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = (_computed(side, values, term, shown) for side in (node.left, node.right))
        return _OPERATIONS[type(node.op)](left, right)
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        return np.float32(node.value) * np.ones(values.shape[:2], np.float32)
    raise PictureError(_unclear(term, shown))


def _place(term: str, known: dict[str, int]) -> int | None:
    if term.casefold() in known:
        return known[term.casefold()]
    return int(term) - 1 if re.fullmatch(r"\d{1,6}", term) else None


def _channel(values: NDArray, place: int, term: str, shown: str) -> NDArray:
    if not 0 <= place < values.shape[2]:
        raise PictureError(f"{shown}, so {term!r} names none of them; number them from 1 in --channels.")
    return values[..., place]


def _counted(count: int, names: Sequence[str]) -> str:
    listed = f" ({', '.join(name for name in names if name)})" if any(names) else ""
    return f"{count} channel{'s' if count != 1 else ''}{listed}"


def _unclear(term: str, shown: str) -> str:
    return (
        f"{shown}, and {term!r:.60} is no channel and no index of them; write a name, a number from 1, or an "
        "index such as (4-3)/(4+3) in --channels."
    )
