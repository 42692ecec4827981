"""``asgnet segment``: parse, call the apply room, print."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from asgnet.errors import UsageError
from asgnet.faces.cli import console, scales
from asgnet.faces.cli import segment_options as given

if TYPE_CHECKING:
    from asgnet.apply.batch.run import Result, Summary
    from asgnet.apply.concept.file import Concept


def segment(
    pictures: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, videos, folders, patterns (photos/**/*.jpg), addresses (s3://…); - reads a list "
            "of them from stdin.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str, typer.Option(help="Folder for the results, made if missing; or an address (s3://bucket/masks).")
    ],
    support: given.Supports = None,
    support_dir: given.SupportDir = None,
    concept: Annotated[
        Path | None, typer.Option(help="A file that asgnet fit made, instead of --support.")
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Repeat for several: png (0 and 255, or class indices; the default), probability (16 bits), "
            "cutout (transparent around), instances (objects numbered), coco (RLE), coco-polygons, yolo, "
            "voc, labelme, labelstudio, geojson (QuPath), imagej (regions for Fiji), measures (a table of the "
            "objects), counts (of the pictures), both also with -parquet.",
            show_default=False,
        ),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write each picture with the object tinted.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Also write report.html: all at a glance, the uncertain first.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Also write measures.csv, a row an object, and counts.csv, a row a picture."
        ),
    ] = False,
    pixel_size: Annotated[
        str,
        typer.Option(
            metavar="LENGTH", help="Of a pixel's side: 0.25um, say. Default: the file's tags, or pixels."
        ),
    ] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Also draw how each result came about.")] = False,
    as_json: given.AsJson = False,
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
    adapt: given.Adapt = None,
    effort: given.EffortWord = "auto",
    unpainted: given.UnpaintedWord = "auto",
    background: given.Backgrounds = None,
    channels: given.Channels = "",
    values: given.Range = None,
    scale: scales.Scale = "auto",
    window: scales.Window = None,
    absent: Annotated[
        Literal["mark", "empty"],
        typer.Option(help="Object seems not there: empty the mask, or leave it and mark it in --json."),
    ] = "mark",
    instances: Annotated[
        bool,
        typer.Option(
            "--instances",
            help="Each object is an entry of its own; the examples teach to separate touching ones.",
        ),
    ] = False,
    min_area: Annotated[
        str, typer.Option(metavar="AREA", help="Drop smaller pieces everywhere: pixels, or 20um2, say.")
    ] = "0",
    simplify: Annotated[
        float, typer.Option(min=0, metavar="PIXELS", help="Polygons may stray so far, for fewer points.")
    ] = 0.0,
    every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of videos and animations take every Nth frame.")
    ] = 1,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="Here, or on a Ray cluster.")] = "local",
    ray_address: Annotated[
        str | None, typer.Option(help="Of the cluster (auto, ray://host:10001). Default: one started here.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Models on the cluster. Default: one a core, or a GPU.")
    ] = None,
    runtime: given.RuntimeName = "auto",
    precision: given.PrecisionName = "auto",
    device: given.Device = "cpu",
    weights: given.Weights = None,
) -> int:
    """Segment pictures, given examples or a concept. Run again, it goes on where it was stopped.

    asgnet segment photos/ --support mug1.jpg mug1_mask.png --out masks/

    asgnet segment photos/ --support-dir examples/ --out masks/

    asgnet segment *.jpg --support a.jpg a.png --support b.jpg b.png --out masks/ --json

    asgnet segment photos/ --concept mug.concept --out masks/ --format png --format coco --report

    find . -name "*.jpg" | asgnet segment - --concept mug.concept --out masks/
    """
    from asgnet.apply.batch.plan import RunOptions
    from asgnet.apply.batch.run import run_batch
    from asgnet.data.folder import is_url, plain_path
    from asgnet.data.listing import list_sources
    from asgnet.faces.cli.parts import PartsSaid
    from asgnet.files import check_writable

    if engine == "local" and (ray_address or workers):
        raise UsageError("--ray-address and --workers belong to --engine ray; add it or leave them out.")
    formats = (*(form or ["png"]), *(("measures", "counts") if measure else ()))
    options = RunOptions(
        formats, overlay, explain, overwrite, threshold, absent, instances, min_area,
        simplify, report, every, engine, ray_address, workers, pixel_size,
    )  # fmt: skip
    files = list_sources(_listed(pictures))
    said = _say_missing(files)
    if not is_url(out):
        check_writable(plain_path(out))
    model = (weights, device, runtime, precision)
    partly = (unpainted, background)
    shown = (channels, values)
    segmenter = given.learned(
        concept, support, support_dir, adapt, model, shown, partly, (scale, window), effort
    )
    scales.tell_cost(segmenter, files)

    def told(result: Result) -> None:
        step()
        if as_json:
            console.emit(result.record)
        elif result.status != "failed":
            for path in list(result.record["files"].values())[-1:]:
                console.put(path)

    with console.bar(None, "segmenting") as step:
        summary = run_batch(segmenter, files, out, options, told, step, PartsSaid())
    for path in () if as_json else summary.collected:
        console.put(path)
    for _, reason in summary.failed:
        if reason not in said:
            console.say(f"asgnet: {reason}")
    if {"counts", "counts-parquet"} & {*formats} and segmenter.concept is not None:
        _say_too_few(segmenter.concept)
    console.say(_in_words(summary, out))
    return 3 if summary.failed else 0


def _listed(pictures: list[str]) -> list[str]:
    """The words of the command line, ``-`` replaced by the names that come from stdin."""
    if "-" not in pictures:
        return pictures
    from asgnet.data.listing import read_list

    names = read_list(sys.stdin.buffer.read())
    return [name for word in pictures for name in (names if word == "-" else [word])]


def _say_too_few(concept: Concept) -> None:
    """Counts of a class whose examples were too few to say how far off they may be have no interval."""
    from asgnet.imaging.separation import FEWEST_RATIOS

    known = {name for name, one in concept.separations.items() if one.ratios}
    if known != {*concept.classes}:
        console.say(f"counts have no interval: it takes {FEWEST_RATIOS} examples with several objects each")


def _say_missing(files: list[Path | str]) -> set[str]:
    """Say which pictures are not there, before anything is learned; what was said."""
    from asgnet.data.folder import is_url
    from asgnet.files import named

    missing = [file for file in files if not is_url(file) and not os.path.lexists(file)]
    said = {f"{named(file)} does not exist; check the path." for file in missing}
    for reason in sorted(said):
        console.say(f"asgnet: {reason}")
    return said


def _in_words(summary: Summary, out: str) -> str:
    parts = [f"{summary.done} segmented"] if summary.done else []
    if summary.skipped:
        again = "" if summary.done else " (--overwrite does them again)"
        parts.append(f"{summary.skipped} finished before{again}")
    if summary.absent:
        parts.append(f"in {summary.absent} nothing found")
    if summary.failed:
        parts.append(f"{len(summary.failed)} failed")
    if not summary.done and not summary.skipped:
        return ", ".join(["nothing segmented", *parts])
    return f"{', '.join(parts)}; results in {out}"
