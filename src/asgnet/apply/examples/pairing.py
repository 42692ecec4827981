"""A folder of examples: which mask belongs to which picture, and which files belong to nothing.

examples/mug1.jpg  examples/mug1.png            a mask of the same stem, or mug1_mask.png
examples/images/mug1.jpg  examples/masks/mug1.png
examples/mug1.jpg  examples/mug1.json           labelme; mug1.txt: YOLO
examples/images/train/mug1.jpg  examples/labels/train/mug1.txt
examples/mug1.jpg … examples/annotations.json   COCO or Label Studio, about all of them

Folders in it are looked through, too. Those that are called like folders of pictures or masks do not count;
of the others a picture and its mask must have the same ones above them.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from asgnet.apply.examples.folder_roles import Roles, loosened, roles_in
from asgnet.data.annotations import Annotations, is_annotations, read_annotations
from asgnet.errors import SupportError, UsageError

Pair = tuple[Path, Path]
Unused = tuple[Path, str]


@dataclass(frozen=True)
class Paired:
    """What a folder holds.

    Attributes:
        folder: that was looked through.
        pairs: pictures, each with its mask or annotation file, sorted.
        unused: files that belong to nothing, each with the reason, sorted.
    """

    folder: Path
    pairs: tuple[Pair, ...]
    unused: tuple[Unused, ...]

    @property
    def words(self) -> list[str]:
        """For a person, a line each."""

        def name(path: Path) -> str:
            return path.relative_to(self.folder).as_posix()

        lines = [f"paired {name(picture)} with {name(mask)}" for picture, mask in self.pairs]
        return lines + [f"not used: {name(path)}: {reason}" for path, reason in self.unused]


def pair_folder(folder: str | os.PathLike[str]) -> Paired:
    """Find the pictures of a folder and what is painted in them, by their names.

    Raises:
        UsageError: there is no such folder, or no pair in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"There is no folder {str(folder)!r}; give one that holds pictures and masks.")
    roles = roles_in(folder)
    pairs, unused, unpaired = _by_name(roles)
    masks = {mask for _, mask in pairs}
    shared = [f for f in roles.painted if f.suffix.lower() != ".txt" and is_annotations(f) and f not in masks]
    more, also_unused = _by_annotations(shared, list(roles.pictures), unpaired, folder)
    pairs += more
    alone = _masks_without_pair(roles, {mask for _, mask in pairs} | set(shared))
    unused += [(file, why + _nearest(file, alone)) for file, why in also_unused] + alone
    if not pairs:
        why = f"; {unused[0][0].name}: {unused[0][1]}" if unused else ""
        raise UsageError(
            f"No picture in {str(folder)!r} has a mask{why}. Name a mask like its picture: mug.jpg and "
            "mug.png, or mug_mask.png."
        )
    return Paired(folder, tuple(sorted(pairs)), tuple(sorted(unused)))


def _by_name(roles: Roles) -> tuple[list[Pair], list[Unused], list[Path]]:
    """Pairs of the same key, pictures whose mask is not clear, and those without one."""
    times = Counter(roles.pictures.values())
    by_key: dict[str, list[Path]] = defaultdict(list)
    for path, key in roles.painted.items():
        by_key[key].append(path)
    pairs: list[Pair] = []
    unused: list[Unused] = []
    unpaired = []
    for picture, key in roles.pictures.items():
        masks = by_key.get(key, [])
        if times[key] > 1:
            others = ", ".join(p.name for p, its in roles.pictures.items() if its == key and p != picture)
            unused.append((picture, f"{others} has the same stem, so its mask is not clear"))
        elif len(masks) > 1:
            unused.append((picture, f"several masks could be its own: {', '.join(p.name for p in masks)}"))
        elif masks:
            pairs.append((picture, masks[0]))
        else:
            unpaired.append(picture)
    more = _by_loosened_name(roles, unpaired, {mask for _, mask in pairs})
    return [*pairs, *more.items()], unused, [picture for picture in unpaired if picture not in more]


def _by_loosened_name(roles: Roles, pictures: Sequence[Path], used: set[Path]) -> dict[Path, Path]:
    """Pictures and masks of which one of each has the same name but for what tools add to it."""
    of_picture: dict[str, list[Path]] = defaultdict(list)
    of_mask: dict[str, list[Path]] = defaultdict(list)
    for picture in pictures:
        of_picture[loosened(roles.pictures[picture])].append(picture)
    for mask, key in roles.painted.items():
        if mask not in used:
            of_mask[loosened(key)].append(mask)
    return {
        own[0]: of_mask[key][0]
        for key, own in of_picture.items()
        if len(own) == len(of_mask.get(key, ())) == 1
    }


def _by_annotations(
    files: Sequence[Path], pictures: Sequence[Path], unpaired: Sequence[Path], folder: Path
) -> tuple[list[Pair], list[Unused]]:
    """Pairs of pictures without a mask and annotations that may be about many; what stays without a pair."""
    pairs: list[Pair] = []
    unused: list[Unused] = []
    unclear: dict[Path, str] = {}
    for file in files:
        try:
            annotations = read_annotations(file)
        except SupportError as error:
            unused.append((file, str(error)))
            continue
        about, ambiguous = _pictures_of(annotations, pictures, file, folder)
        unclear |= ambiguous
        if about.isdisjoint(unpaired) and not ambiguous:
            unused.append((file, f"it is about none of the pictures{' without a mask' if about else ''}"))
        elif others := sorted(p.name for p in about.difference(unpaired)):
            more = " …" if len(others) > 3 else ""
            unused.append((file, f"only for {', '.join(others[:3])}{more}, which had a mask already"))
        pairs += [(p, file) for p in unpaired if p in about]
        unpaired = [p for p in unpaired if p not in about]
    return pairs, unused + [(p, unclear.get(p, "there is no mask for it")) for p in unpaired]


def _nearest(picture: Path, masks: Sequence[Unused]) -> str:
    """The masks without a picture whose names are most like a picture's, in words."""
    near = get_close_matches(picture.stem, sorted({mask.stem for mask, _ in masks}), 2, 0.6)
    names = [mask.name for mask, _ in masks if mask.stem in near][:2]
    return f"; the nearest {'are' if len(names) > 1 else 'is'} {' and '.join(names)}" if names else ""


def _masks_without_pair(roles: Roles, used: set[Path]) -> list[Unused]:
    keys = set(roles.pictures.values())
    return [
        (mask, "its picture is not used" if key in keys else "there is no picture for it")
        for mask, key in roles.painted.items()
        if mask not in used
    ]


def _pictures_of(
    annotations: Annotations, pictures: Sequence[Path], file: Path, folder: Path
) -> tuple[set[Path], Mapping[Path, str]]:
    """The pictures that one file is about; and those of which several could be meant, with the reason."""
    claims: dict[str, list[tuple[tuple[int, int], Path]]] = defaultdict(list)
    for picture in pictures:
        match = annotations.match(picture)
        if match is not None and match.about.regions:
            claims[match.about.name].append((match.near, picture))
    about: set[Path] = set()
    ambiguous: dict[Path, str] = {}
    for name, fitting in claims.items():
        nearest = max(near for near, _ in fitting)
        rivals = [p for near, p in fitting if near == nearest]
        if len(rivals) == 1:
            about.add(rivals[0])
            continue
        some = " or ".join(p.relative_to(folder).as_posix() for p in rivals[:3])
        more = f" or {len(rivals) - 3} more" if len(rivals) > 3 else ""
        reason = f"{file.name} names {name!r}, which may be {some}{more}; write its folder there, too"
        ambiguous |= dict.fromkeys(rivals, reason)
    return about, ambiguous
