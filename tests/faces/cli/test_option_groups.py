"""Groups of options: on the command line they are options like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from asgnet.faces.cli import study as study_commands
from asgnet.faces.cli.option_groups import spread


@dataclass(frozen=True)
class Cup:
    """A group."""

    colour: Annotated[str, typer.Argument(help="Which colour.")]
    volume: Annotated[int, typer.Option("--volume", "-v", help="In millilitres.")] = 250


def _run(*words: str):
    told = []
    app = typer.Typer()

    @app.command()
    @spread
    def pour(cup: Cup, *, hot: Annotated[bool, typer.Option(help="Tea.")] = False) -> None:
        """Pour something."""
        told.append((cup, hot))

    return CliRunner().invoke(app, list(words)), told


@pytest.mark.parametrize(
    ("words", "cup", "hot"),
    [(["red"], Cup("red"), False), (["blue", "-v", "90", "--hot"], Cup("blue", 90), True)],
)
def test_a_command_gets_the_group_that_was_given(words, cup, hot):
    result, told = _run(*words)
    assert result.exit_code == 0, result.output
    assert told == [(cup, hot)]


def test_what_a_group_requires_is_required():
    assert _run()[0].exit_code == 2
    assert _run("red", "--volume", "much")[0].exit_code == 2


def test_help_lists_the_options_of_groups_beside_the_others():
    said = _run("--help")[0].output
    for words in ("Which colour.", "--volume", "-v", "In millilitres.", "250", "--hot", "Pour something."):
        assert words in said


SHARED = {
    "dataset", "split", "protocol", "fold", "convention", "count", "seed", "min_pictures", "min_pixels",
    "cache_dir", "workers", "preset", "size", "resize", "device", "seeds", "geometry", "query_pixels", "order",
}  # fmt: skip


def _options(command) -> dict[str, tuple]:
    app = typer.Typer(add_completion=False)
    app.command()(command)
    known = typer.main.get_command(app).params
    return {one.name: (one.opts, one.help, one.default) for one in known}


def test_evaluate_and_ablate_have_the_same_options_for_what_they_measure_on():
    evaluate, ablate = _options(study_commands.evaluate), _options(study_commands.ablate)
    assert SHARED | {"shots", "net"} <= set(evaluate)
    assert set(evaluate) & set(ablate) == SHARED | {"shots", "net", "as_json"}
    assert {name: evaluate[name] for name in SHARED} == {name: ablate[name] for name in SHARED}
