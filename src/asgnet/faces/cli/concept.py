"""``asgnet concept``: look into concepts, join them, add examples, take some away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgnet.errors import OutputError, UsageError
from asgnet.faces.cli import console
from asgnet.faces.cli import segment_options as given

if TYPE_CHECKING:
    from asgnet.apply.concept.file import Concept

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Look into concepts, join them, add examples and take some away.",
)

File = Annotated[Path, typer.Argument(help="A file that asgnet fit made.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option(help="The file to write. Default: the same one, which needs --overwrite."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")]


@app.command()
def info(file: File, as_json: given.AsJson = False) -> None:
    """Print classes, examples, origin and size of a concept.

    asgnet concept info mug.concept
    """
    from asgnet.apply.concept.edit import about
    from asgnet.apply.concept.file import Concept

    known = about(Concept.load(file))
    if as_json:
        console.emit({"file": str(file), **known})
        return
    for line in _in_words(known):
        console.put(line)


@app.command()
def merge(
    files: Annotated[
        list[Path], typer.Argument(help="Files that asgnet fit made, two or more.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    name: Annotated[
        list[str] | None,
        typer.Option(help="New name of a class; repeat for all classes, in order. Default: as they are."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Join concepts to one that finds all their classes at once, as if they had been fitted together.

    asgnet concept merge mug.concept cat.concept --name mug --name cat --out both.concept
    """
    from asgnet.apply.concept.edit import merged
    from asgnet.apply.concept.file import Concept

    console.free(out, overwrite)
    concepts = [Concept.load(file) for file in files]
    both = merged(concepts, name or ())
    if not both.shots and any(one.shots for one in concepts):
        console.say("asgnet: the pictures are left out, for not all of these concepts keep theirs alike.")
    save_concept(both, out)


@app.command()
def add(
    file: File,
    support: given.Supports = None,
    support_dir: given.SupportDir = None,
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="What the examples show; a new name is a new class. Default: what the annotations call it, "
            "or the only one.",
        ),
    ] = None,
    unpainted: given.UnpaintedWord = "auto",
    background: given.Backgrounds = None,
    out: Out = None,
    overwrite: Overwrite = False,
    device: given.Device = "cpu",
    weights: given.Weights = None,
) -> None:
    """Add examples: the result is what fitting all of them at once would have made.

    asgnet concept add mug.concept --support c.jpg c_mask.png --overwrite
    """
    from asgnet.apply.concept.file import Concept
    from asgnet.apply.examples.read import ONE_CLASS

    given.some(support or [support_dir] * (support_dir is not None))
    target = _target(file, out, overwrite)
    images, named, _ = more = given.examples(support, support_dir, class_name, "--class")
    partly = given.partly_painted(more, unpainted, background)
    unnamed = class_name is None and list(named) == [ONE_CLASS]
    known = Concept.load(file)
    segmenter = given.load_segmenter(weights, device)
    segmenter.concept = known
    with console.phase("learning from the examples"):
        segmenter.add(images, named[ONE_CLASS] if unnamed else named, **partly)
    save_concept(segmenter.concept, target)


@app.command()
def remove(
    file: File,
    class_name: Annotated[str | None, typer.Option("--class", help="The class to remove.")] = None,
    shot: Annotated[
        str | None,
        typer.Option(help="The example to remove: its number or the beginning of its SHA-256, see info."),
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Forget the pictures of the examples, to share the file.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    device: given.Device = "cpu",
    weights: given.Weights = None,
) -> None:
    """Remove a class, an example, or the pictures: the result is what fitting without would have made.

    asgnet concept remove mug.concept --shot 2 --overwrite

    asgnet concept remove both.concept --class cat --out mug.concept
    """
    from asgnet.apply.concept import edit as concepts
    from asgnet.apply.concept.file import Concept

    if (class_name is not None) + (shot is not None) + pictures != 1:
        raise UsageError("Say what to remove: --class NAME, --shot NUMBER or --pictures, one of the three.")
    target = _target(file, out, overwrite)
    concept = Concept.load(file)
    if class_name is not None:
        left = concepts.without_class(concept, class_name)
    elif shot is not None:
        from asgnet.apply.fitting.refit import without_shot

        segmenter = given.load_segmenter(weights, device)
        short = shot.isascii() and shot.isdigit() and len(shot) < 6
        left = without_shot(segmenter.backend, concept, int(shot) if short else shot)
    else:
        left = concepts.without_pictures(concept)
    save_concept(left, target)


def _target(file: Path, out: Path | None, overwrite: bool) -> Path:
    if out is None and not overwrite:
        raise OutputError(
            f"{str(file)!r} would be replaced; say --overwrite, or name another file with --out."
        )
    if out is not None:
        console.free(out, overwrite)
    return file if out is None else out


def save_concept(concept: Concept | None, target: Path) -> None:
    """Write what was learned, and say where."""
    assert concept is not None
    concept.save(target)
    console.put(str(target))


def _in_words(known: dict[str, Any]) -> list[str]:
    from asgnet.apply.concept.scale import USUAL

    usual = str(USUAL)
    made = " with asgnet ".join(part for part in (known["made"], known["asgnet"]) if part)
    lines = [
        f"{one['name']}: {'examples unknown' if one['shots'] is None else _number(one['shots'], 'example')}"
        + f", {one['scale']}" * (one["scale"] != usual)
        for one in known["classes"]
    ]
    lines.append(f"made     {made or 'unknown'}, {'' if known['adapted'] else 'not '}adapted")
    lines.append(f"weights  {known['network']}")
    lines.append(f"size     {known['bytes'] / 1e6:.2f} MB")
    kept = (
        "kept: examples can be added and removed"
        if known["pictures_kept"]
        else "not kept: nothing can be added"
    )
    lines.append(f"pictures {kept}")
    for one in known["pictures"]:
        size = f"  {one['width']}×{one['height']}" if one["width"] else ""
        shows = f"  {', '.join(one['shows'])}" if one["shows"] else ""
        lines.append(f"{one['number']:>3}  {one['sha256'][:12]}{size}{shows}")
    return lines


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
