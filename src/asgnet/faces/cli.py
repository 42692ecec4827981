"""The command line: thin. Parse, call, print; everything heavy is imported where it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgnet import __version__
from asgnet.errors import UsageError
from asgnet.faces import _console as console
from asgnet.faces import study_commands as study
from asgnet.faces.train_command import train

if TYPE_CHECKING:
    from asgnet.apply.batch import Result
    from asgnet.apply.segmenter import Segmenter


class Format(StrEnum):
    """How ``segment`` writes its results."""

    png = "png"
    coco = "coco"
    yolo = "yolo"


class Absent(StrEnum):
    """What ``segment`` does where the object seems not to be in the picture."""

    empty = "empty"
    mark = "mark"


app = typer.Typer(
    name="asgnet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 unexpected, 2 usage, 3 some pictures failed, 4 unusable support, mask or "
    "weights, 130 interrupted, 143 terminated. Results go to stdout, progress and messages to stderr.",
)

Supports = Annotated[
    list[str] | None,
    typer.Option(
        "--support",
        metavar="IMG MASK",
        help="A picture and its mask (non-zero = object). Repeat for more examples.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="A weights folder or Hub name. Default: those that came with the installation."),
]
Device = Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1 …")]
Adapt = Annotated[
    bool | None,
    typer.Option("--adapt/--no-adapt", help="Learn on the examples first. Default: where it helps."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line on stdout.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"asgnet {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Paint an object in a picture or two; find it in all your other pictures."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the picture.")] = Path("demo_out"),
) -> None:
    """Show the main job on photographs that come with the installation; works offline.

    [bold]asgnet demo[/bold]
    """
    from asgnet.apply.demo import SCENES, run_demo
    from asgnet.apply.segmenter import Segmenter

    with console.bar(len(SCENES), "demo") as step:
        path = run_demo(Segmenter.from_pretrained(), out, lambda found: step())
    console.say("The picture shows what was painted, what was found, and how:")
    console.put(str(path))


@app.command()
def segment(
    pictures: Annotated[
        list[str], typer.Argument(help="Pictures, folders of them, or patterns.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    support: Supports = None,
    concept: Annotated[
        Path | None, typer.Option(help="A file that asgnet fit made, instead of --support.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Masks as PNG, one COCO JSON, or YOLO polygons.")
    ] = Format.png,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write each picture with the object tinted.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also draw how each result came about.")] = False,
    as_json: AsJson = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do all again and replace what exists.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Probability from which a pixel is object. Default: 0.5, calibrated on the examples.",
        ),
    ] = None,
    adapt: Adapt = None,
    absent: Annotated[
        Absent,
        typer.Option(help="Object seems not there: empty the mask, or leave it and mark it in --json."),
    ] = Absent.mark,
    device: Device = "cpu",
    weights: Weights = None,
) -> int:
    """Segment pictures, given examples or a concept. Run again, it goes on where it was stopped.

    [bold]asgnet segment photos/ --support mug1.jpg mug1_mask.png --out masks/[/bold]

    [bold]asgnet segment *.jpg --support a.jpg a.png --support b.jpg b.png --out masks/ --json[/bold]

    [bold]asgnet segment photos/ --concept mug.concept --out masks/ --format coco[/bold]
    """
    from asgnet.apply.batch import COCO_FILE, segment_all
    from asgnet.data.listing import list_pictures

    if bool(support) == bool(concept):
        raise UsageError("Give examples (--support IMG MASK) or a concept (--concept FILE), one of the two.")
    files = list_pictures(pictures)
    segmenter = _segmenter(weights, device)
    if concept is not None:
        from asgnet.types import Concept

        segmenter.concept = Concept.load(concept)
    else:
        _fit(segmenter, support, adapt)

    def told(result: Result) -> None:
        step()
        if as_json:
            console.emit(result.record)
        elif result.status != "failed":
            for path in list(result.record["files"].values())[:1]:
                console.put(path)

    with console.bar(len(files), "pictures") as step:
        summary = segment_all(
            segmenter, files, out, formats=(form.value,), overlay=overlay, explain=explain,
            overwrite=overwrite, threshold=threshold, absent=absent.value, on_result=told,
        )  # fmt: skip
    if form is Format.coco and not as_json:
        console.put(str(out / COCO_FILE))
    for _, reason in summary.failed:
        console.say(f"asgnet: {reason}")
    console.say(_in_words(summary, out))
    return 3 if summary.failed else 0


@app.command()
def fit(
    out: Annotated[Path, typer.Option(help="The concept file to write, mug.concept, say.")],
    support: Supports = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    adapt: Adapt = None,
    device: Device = "cpu",
    weights: Weights = None,
) -> None:
    """Learn an object from examples once, and keep it in a small file for asgnet segment --concept.

    [bold]asgnet fit --support a.jpg a_mask.png --support b.jpg b_mask.png --out mug.concept[/bold]
    """
    from asgnet.errors import OutputError

    _some(support)
    if out.exists() and not overwrite:
        raise OutputError(f"{str(out)!r} exists already; give another --out, or --overwrite to replace it.")
    segmenter = _segmenter(weights, device)
    _fit(segmenter, support, adapt)
    segmenter.concept.save(out)
    console.put(str(out))


@app.command()
def doctor(
    support: Supports = None,
    as_json: AsJson = False,
    device: Device = "cpu",
    weights: Weights = None,
) -> int:
    """Check examples before relying on them: does each one agree with the others, and if not, why?

    [bold]asgnet doctor --support a.jpg a_mask.png --support b.jpg b_mask.png[/bold]
    """
    from asgnet.apply.doctor import diagnose

    images, masks = _pairs(_some(support))
    diagnosis = diagnose(_segmenter(weights, device), images, masks)
    for finding in diagnosis.findings:
        if as_json:
            console.emit(finding.record)
        else:
            console.put(finding.words)
    if not as_json:
        console.put(diagnosis.advice)
    return 0 if diagnosis.usable else 4


@app.command()
def info(as_json: AsJson = False, weights: Weights = None) -> None:
    """Print versions, weights, devices and licence.

    [bold]asgnet info[/bold]

    [bold]asgnet info --json[/bold]
    """
    from asgnet.apply.about import about

    facts = about(_segmenter(weights), weights or "bundled")
    if as_json:
        console.emit(facts)
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        console.put(f"{name:<{width}}  {', '.join(value) if isinstance(value, list) else value}")


for _command in (train, study.episodes, study.evaluate, study.ablate):
    app.command(rich_help_panel="For researchers")(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; ``sys.argv`` if no arguments are given."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words

    def run() -> Any:
        return app(console.arranged(words), prog_name="asgnet", standalone_mode=False)

    return console.ending(run, debug)


def _segmenter(weights: str | None, device: str = "cpu") -> Segmenter:
    from asgnet.apply.segmenter import Segmenter

    return Segmenter.from_pretrained(weights, device)


def _some(support: list[str] | None) -> list[str]:
    if not support:
        raise UsageError("Give at least one example: --support IMG MASK.")
    return support


def _pairs(support: list[str]) -> tuple[list[Path], list[Path]]:
    pairs = [value.split(console.PAIR) for value in support]
    return [Path(image) for image, _ in pairs], [Path(mask) for _, mask in pairs]


def _fit(segmenter: Segmenter, support: list[str] | None, adapt: bool | None) -> None:
    images, masks = _pairs(_some(support))
    segmenter.fit(images, masks, adapt="auto" if adapt is None else adapt)


def _in_words(summary: Any, out: Path) -> str:
    parts = [f"{summary.done} segmented"]
    if summary.skipped:
        parts.append(f"{summary.skipped} finished before")
    if summary.absent:
        parts.append(f"in {summary.absent} nothing found")
    if summary.failed:
        parts.append(f"{len(summary.failed)} failed")
    return f"{', '.join(parts)}; results in {out}"
