"""Lists of class names: a text file, YOLO's data.yaml, VOC's labelmap.txt."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from asgnet.errors import DataError, UsageError
from asgnet.files import PathLike, named

BACKGROUND = ("background", "_background_", "__background__")
LISTS = ("labelmap.txt", "classes.txt")
"""What may lie beside masks of class indices."""
YOLO_LISTS = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")
"""What may lie beside or above YOLO's labels."""
_MOST = 10_000_000
_MOST_NAMES = 100_000


class Names(NamedTuple):
    """Class names in order, without background; ``colours``: of each, as RGB, if the list has them."""

    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...] = ()


def read_names(path: PathLike, background: bool = True) -> Names:
    """Read a list of class names.

    Args:
        path: of the list.
        background: a first line ``background`` is index 0 and no class; YOLO counts it like any other.

    Raises:
        DataError: missing, unreadable, empty, or with a name twice.
    """
    shown = named(path, "list")
    text = read_text(path, shown)
    suffix = Path(path).suffix.lower()
    if suffix in (".yaml", ".yml"):
        names: list[str] = _of_yaml(text, shown)
        colours: list[tuple[int, int, int]] = []
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        parts = [line.split(":") for line in lines if not line.startswith("#")]
        mapped = bool(parts) and all(len(p) == 4 for p in parts)
        names = [p[0].strip() for p in parts] if mapped else _uncommented(lines)
        colours = [_colour(p[1], shown) for p in parts] if mapped else []
    if background and names and names[0].casefold() in BACKGROUND:
        names, colours = names[1:], colours[1:]
    return Names(checked_names(names, shown), tuple(colours))


def checked_names(names: Iterable[str], shown: str) -> tuple[str, ...]:
    """Names without surplus spaces; DataError if there is none, an empty one or one twice."""
    plain = tuple(" ".join(str(name).split()) for name in names)
    if not plain or not all(plain):
        raise DataError(f"{shown} names no class; write one name a line.")
    twice = next((name for i, name in enumerate(plain) if name in plain[:i]), None)
    if twice is not None:
        raise DataError(f"{shown} names the class {twice!r} twice; give each its own name.")
    return plain


def check_chosen(names: Iterable[str]) -> None:
    """Refuse names of classes that no list can hold: its readers drop blank ones, and surplus spaces.

    Raises:
        UsageError: a name is empty or blank, or two are equal but for white space.
    """
    known: dict[str, str] = {}
    for name in names:
        plain = " ".join(name.split())
        if not plain:
            raise UsageError(f"A class cannot be called {name!r}; give it a name that can be seen.")
        if plain in known:
            other = "" if known[plain] == name else f" and {name!r}, which differ in white space alone"
            raise UsageError(
                f"Two of the classes are called {known[plain]!r}{other}; give each class its own name."
            )
        known[plain] = name


def names_near(path: PathLike, lists: Iterable[str], above: int = 1) -> Path | None:
    """The first of these lists beside a file, or in the folders above it."""
    folder = Path(path).resolve().parent
    for place in (folder, *list(folder.parents)[:above]):
        for name in lists:
            if (place / name).is_file():
                return place / name
    return None


def read_text(path: PathLike, shown: str, most: int = _MOST) -> str:
    """A text file's content; DataError if it cannot be read as one."""
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a pipe may wait for ever
            raise DataError(f"{shown} is a pipe or a device; save it to a file and name that.")
        with open(path, "rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise DataError(f"{shown} cannot be opened: {error.strerror}; check the path.") from error
    if len(data) > most:
        raise DataError(f"{shown} is larger than {most / 1e6:.0f} MB; is it the right file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{shown} is no text in UTF-8; save it as UTF-8.") from error


def _uncommented(lines: list[str]) -> list[str]:
    """Without comments above the background; elsewhere in a plain list ``#1 bolt`` is a class."""
    first = next((i for i, line in enumerate(lines) if not line.startswith("#")), 0)
    return lines[first:] if lines and lines[first].casefold() in BACKGROUND else lines


def _of_yaml(text: str, shown: str) -> list[str]:
    import yaml

    try:
        content: Any = yaml.safe_load(text)
        names = content["names"]
        if isinstance(names, dict):
            known = {int(key): name for key, name in names.items()}  # keys may be texts, and have gaps
            if not 0 <= max(known, default=0) < _MOST_NAMES or min(known, default=0) < 0:
                raise TypeError(max(known))
            names = [known.get(i, f"class {i}") for i in range(max(known, default=-1) + 1)]
        return [str(name) for name in names]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{shown} holds no 'names' of classes, as YOLO's data.yaml has them.") from error


def _colour(text: str, shown: str) -> tuple[int, int, int]:
    try:
        red, green, blue = (int(value) for value in text.split(","))
    except ValueError as error:
        raise DataError(f"{shown} has the colour {text!r:.30}, not red,green,blue.") from error
    return red, green, blue
