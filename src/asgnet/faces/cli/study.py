"""``asgnet episodes``, ``asgnet evaluate``, ``asgnet ablate``: parse, call the study room, print."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgnet.errors import UsageError
from asgnet.faces.cli import console
from asgnet.faces.cli import study_options as given
from asgnet.faces.cli.option_groups import spread

if TYPE_CHECKING:
    from asgnet.data.benchmarks.dataset import Dataset
    from asgnet.data.benchmarks.episodes import EpisodeList
    from asgnet.study.evaluation.report import Report


@spread
def episodes(
    drawn: given.Drawn,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)],
    shots: given.Shots = 1,
    ways: given.Ways = 1,
    overwrite: given.Overwrite = False,
) -> None:
    """Draw a list of episodes and freeze it in a file that `asgnet evaluate --list` replays.

    The same pictures, fold, shots and seed give the same list on every machine. Prints its SHA-256.

    **Example**

    `asgnet episodes voc:VOCdevkit --protocol pascal-5i --fold 1 -k 5 --out fold1-5shot.jsonl`
    """
    console.free(out, overwrite)
    (listed,) = drawn.lists(drawn.open(), shots, ways)
    listed.save(out)
    names = ", ".join(listed.classes.values())
    console.say(f"{len(listed.episodes)} episodes of {len(listed.classes)} classes ({names}) in {out}")
    print(listed.hash)


@spread
def evaluate(
    drawn: given.Drawn,
    *,
    weights: Annotated[
        str | None,
        typer.Option(help="The Segmenter's weights: a folder or Hub name. Default: the installed ones."),
    ] = None,
    adapt: Annotated[
        bool | None,
        typer.Option("--adapt/--no-adapt", help="The Segmenter learns on supports. Default: where it helps."),
    ] = None,
    edges: Annotated[
        bool, typer.Option("--edges/--no-edges", help="The Segmenter's masks follow the pictures' edges.")
    ] = True,
    net: Annotated[
        str | None,
        typer.Option(
            help="Measure a bare network: a weights folder, a published .pth, or a preset (untrained)."
        ),
    ] = None,
    network: given.Input,
    shots: given.ManyShots = [1],  # noqa: B006  (typer's way of a repeatable default)
    ways: given.Ways = 1,
    seeds: given.Seeds = 1,
    frozen: Annotated[
        list[Path] | None,
        typer.Option("--list", help="Replay a file of `asgnet episodes`, and draw nothing. Repeatable."),
    ] = None,
    protocol_of: given.ProtocolOf = None,
    presence: Annotated[
        bool, typer.Option("--presence", help="Also ask a picture without the object per episode: AUROC.")
    ] = False,
    boundary: Annotated[bool, typer.Option(help="Measure boundary F.")] = True,
    pictures: Annotated[
        int, typer.Option(min=0, help="Draw so many random and so many worst episodes: OUT/pictures.png.")
    ] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for results.json and the rest.")] = Path(
        "asgnet-results"
    ),
    keep: given.Keep = 100,
    as_json: given.AsJson = False,
    overwrite: given.Overwrite = False,
) -> None:
    """Measure the Segmenter, or a bare network (--net), on frozen episodes of a dataset.

    Prints a table; writes results.json (metrics, protocol, list hashes, environment), episodes.jsonl (one
    line an episode) and the lists themselves, ready to be replayed. With several -k every one has a folder of
    its own, on the same queries and with supports that grow, and a table shows what more examples are worth.

    **Examples**

    `asgnet evaluate voc:VOCdevkit --protocol pascal-5i --fold 1 -k 5 --seeds 5`

    `asgnet evaluate folder:cells -k 1 -k 2 -k 3 -k 5 -k 10 -n 200`

    `asgnet evaluate coco2014:coco --protocol coco-20i --convention every-fourth --net epoch50.pth --size 641`
    """
    from asgnet.data.benchmarks.episodes import load
    from asgnet.files import check_writable
    from asgnet.study.evaluation.evaluate import evaluate as run
    from asgnet.study.evaluation.report import markdown, save_curve

    if protocol_of is not None:
        if net is None:
            raise UsageError("--protocol-of is for a bare network: name it with --net.")
        drawn, network = given.as_published(drawn, network)
    for file in (out / "results.json", out / "shots.json", *sorted(out.glob("*-shot/results.json"))):
        console.free(file, overwrite)
    check_writable(out)
    opened = drawn.open()
    by_shots: dict[int, list[EpisodeList]] = {}
    for one in [load(path, opened) for path in frozen or ()]:
        by_shots.setdefault(one.shots, []).append(one)
        drew = f"{one.protocol}, {one.shots}-shot, seed {one.seed}"
        console.say(f"replaying {drew}: the options of drawing do nothing")
    by_shots = by_shots or drawn.lists_by_shots(opened, shots, ways, seeds)
    given.say_seen(
        net or weights,
        {name for lists in by_shots.values() for one in lists for name in one.classes.values()},
    )
    predictor, fit_options = given.predictor(weights, adapt, edges, net, network, keep)
    reports = {}
    for k, lists in sorted(by_shots.items()):
        folder = out if len(by_shots) == 1 else out / f"{k}-shot"
        with console.phase(f"{k}-shot: {sum(len(one.episodes) for one in lists)} episodes"):
            report = reports[k] = run(
                predictor, opened, lists, presence=presence, boundary=boundary, fit_options=fit_options,
                command=_command(), title=f"{k}-shot",
            )  # fmt: skip
        report.save(folder)
        for i, one in enumerate(lists):
            one.save(folder / f"list-{i}.jsonl")
        if pictures:
            _draw(folder / "pictures.png", predictor, opened, lists, report, pictures, fit_options)
        if not as_json:
            _print(report.table())
    if len(reports) == 1:
        if as_json:
            console.emit(report.as_dict())
    else:
        rows = save_curve(out / "shots.json", reports)
        if as_json:
            console.emit({str(k): report.as_dict() for k, report in reports.items()})
        else:
            print(f"\n{markdown(rows)}")
    console.say(f"results in {out if len(reports) > 1 else out / 'results.json'}")


@spread
def ablate(
    drawn: given.Drawn,
    net: Annotated[
        str,
        typer.Option(help="A weights folder, a published .pth, or a preset (untrained).", show_default=False),
    ],
    network: given.Input,
    shots: given.ManyShots = [1, 5],  # noqa: B006  (typer's way of a repeatable default)
    seeds: given.Seeds = 1,
    as_json: given.AsJson = False,
) -> None:
    """Print the paper's three ablation tables for one network, every row on the same episodes.

    Prototypes and allocation (masked average or SGC, expanded or allocated); number of prototypes (N_max 1
    to 9, always five); k-shot fusion (pooled prototypes, masks, features, HSNet's vote).

    **Example**

    `asgnet ablate voc:VOCdevkit --net runs/fold1 --protocol pascal-5i --fold 1 -k 1 -k 5`
    """
    from asgnet.model.paper.asgnet import ASGNet
    from asgnet.study.evaluation.ablate import ablate as run
    from asgnet.study.evaluation.ablate import paper_variants
    from asgnet.study.evaluation.report import markdown

    loaded = given.load_net(net, network)
    if not isinstance(loaded, ASGNet):
        raise UsageError(
            f"{net!r} is none of the paper's networks, whose tables these are; give another --net."
        )
    opened = drawn.open()
    by_shots = drawn.lists_by_shots(opened, shots, 1, seeds)
    lists = {f"{k}-shot": of_one for k, of_one in by_shots.items()}
    found = {}
    for title, variants in paper_variants(loaded, size=network.size, resize=network.resize).items():
        found[title] = run(variants, opened, lists, boundary=False)
        if not as_json:
            print(f"**{title}**\n\n{markdown(found[title])}", flush=True)
    if as_json:
        console.emit({"command": _command(), "tables": found})


def _draw(
    file: Path,
    asked: Any,
    dataset: Dataset,
    lists: list[EpisodeList],
    report: Report,
    number: int,
    fit_options: dict[str, Any],
) -> None:
    from asgnet.data.png import save_png
    from asgnet.study.evaluation.pictures import draw_grid

    save_png(file, draw_grid(asked, dataset, lists, report.episodes, number, fit_options=fit_options))


def _command() -> str:
    return shlex.join(["asgnet", *sys.argv[1:]])


def _print(table: Any) -> None:
    from rich.console import Console

    Console().print(table)
