"""The command line: thin. Parse, call, print; everything heavy is imported where it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from asgnet import __version__
from asgnet.faces.cli import console, scales, study
from asgnet.faces.cli import segment_options as given
from asgnet.faces.cli.concept import app as concept_app
from asgnet.faces.cli.concept import save_concept
from asgnet.faces.cli.doctor import doctor
from asgnet.faces.cli.export import export
from asgnet.faces.cli.last_moment import ended_in_time
from asgnet.faces.cli.propose import propose
from asgnet.faces.cli.segment import segment
from asgnet.faces.cli.serve import serve
from asgnet.faces.cli.suggest import suggest
from asgnet.faces.cli.train import train

app = typer.Typer(
    name="asgnet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 unexpected, 2 usage, 3 some pictures failed, 4 unusable support, mask or "
    "weights, 130 interrupted, 143 terminated. Results go to stdout, progress and messages to stderr.",
)


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

    asgnet demo
    """
    from asgnet.apply.figures.demo import SCENES, run_demo

    segmenter = given.load_segmenter(None)
    with console.bar(len(SCENES), "segmenting the demo's pictures") as step:
        path = run_demo(segmenter, out, lambda found: step())
    console.say("The picture shows what was painted, what was found, and how:")
    console.put(str(path))


app.command()(segment)
app.add_typer(concept_app, name="concept")
app.command()(doctor)
app.command()(suggest)
app.command()(propose)
app.command()(serve)
app.command()(export)


@app.command()
def fit(
    out: Annotated[Path, typer.Option(help="The concept file to write, mug.concept, say.")],
    support: given.Supports = None,
    support_dir: given.SupportDir = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    adapt: given.Adapt = None,
    effort: given.EffortWord = "auto",
    unpainted: given.UnpaintedWord = "auto",
    background: given.Backgrounds = None,
    channels: given.Channels = "",
    values: given.Range = None,
    name: Annotated[
        str | None,
        typer.Option(help="What the object is called. Default: object, or what the annotations call it."),
    ] = None,
    forget_pictures: Annotated[
        bool,
        typer.Option(
            "--forget-pictures",
            help="Keep no pictures in the file: it can be given to anybody, but no example be added to it.",
        ),
    ] = False,
    scale: scales.Scale = "auto",
    window: scales.Window = None,
    device: given.Device = "cpu",
    weights: given.Weights = None,
) -> None:
    """Learn an object from examples once, and keep it in a small file for asgnet segment --concept.

    asgnet fit --support a.jpg a_mask.png --support b.jpg b_mask.png --out mug.concept
    """
    given.some(support or [support_dir] * (support_dir is not None))
    console.free(out, overwrite)
    rendering = given.rendering_of(channels, values)
    examples = given.examples(support, support_dir, name)
    segmenter = given.fitted(
        examples,
        adapt,
        (weights, device),
        rendering,
        not forget_pictures,
        (unpainted, background),
        (scale, window),
        effort,
    )
    save_concept(segmenter.concept, out)


@app.command()
def info(
    as_json: given.AsJson = False,
    weights: given.Weights = None,
    privacy: Annotated[
        bool, typer.Option("--privacy", help="Instead: what is read, written and contacted.")
    ] = False,
) -> None:
    """Print versions, weights, devices and licence; of weights that are named, all tuned numbers too.

    asgnet info

    asgnet info --weights runs/default

    asgnet info --json

    asgnet info --privacy
    """
    if privacy:
        _privacy(as_json)
        return
    from asgnet.apply.about import about

    segmenter = given.load_segmenter(weights)
    installed = about(segmenter, weights or "bundled")
    if as_json:
        console.emit(installed)
        return
    del installed["calibration"]
    width = max(len(name) for name in installed)
    for name, value in installed.items():
        console.put(f"{name:<{width}}  {', '.join(value) if isinstance(value, list) else value}")
    if weights is not None:
        from asgnet.model.default.calibration import described

        for name, value, says in described(segmenter.backend.numbers):
            console.put(f"{name} = {value}  {says}")


@app.command()
def schema(
    markdown: Annotated[bool, typer.Option("--markdown", help="As tables for people.")] = False,
) -> None:
    """Print what every field of --json, of the HTTP API's results and of manifests means, as JSON Schema.

    asgnet schema > asgnet.schema.json
    """
    from asgnet.apply.output import records

    if markdown:
        console.put(records.tables())
    else:
        console.emit(records.schema())


def _privacy(as_json: bool) -> None:
    from asgnet.apply.privacy import privacy

    if as_json:
        console.emit(privacy())
        return
    for does, sentences in privacy().items():
        for number, sentence in enumerate(sentences):
            console.put(f"{does if number == 0 else '':<10}{sentence}")


for _command in (train, study.episodes, study.evaluate, study.ablate):
    app.command()(_command)


STOPPED = {
    "segment": "what is finished is complete, the same command goes on from there",
    "evaluate": "what is finished is complete; the same command starts again, with --overwrite if asked for",
    "train": "with --resume the same command goes on from the last state that was saved",
}
"""What a signal leaves of the commands that have results before they end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; ``sys.argv`` if no arguments are given."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words

    def run() -> Any:
        return app(console.arranged(words), prog_name="asgnet", standalone_mode=False)

    command = next((word for word in words if not word.startswith("-")), "")
    stopped = STOPPED.get(command, console.AGAIN)
    if arguments is not None:
        return console.ending(run, debug, stopped)
    with ended_in_time():
        return console.ending(run, debug, stopped)
