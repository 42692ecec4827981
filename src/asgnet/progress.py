"""Progress bars on a terminal's stderr: how many of how many, how fast, how long still; nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_Step = TypeVar("_Step")


def progress_bar(title: str, total: int | None, done: int = 0, **options: Any) -> tuple[Progress, TaskID]:
    """A bar that is shown while it is entered, and its only task; ``words`` of the task stand behind the bar.

    Args:
        title: stands before the bar.
        total: of the steps; None if that turns out later.
        done: steps that are done already.
        options: of :class:`rich.progress.Progress`.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    words = TextColumn("{task.fields[words]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), words)
    console = options.pop("console", None) or Console(stderr=True)
    shown = {"disable": not console.is_terminal, **options}
    progress = Progress(*columns, TimeRemainingColumn(), console=console, **shown)
    return progress, progress.add_task(title, total=total, completed=done, words="")


def advance(progress: Progress) -> None:
    """One more step of the only task, its rate behind the bar."""
    task = progress.tasks[0]
    speed = task.finished_speed or task.speed
    progress.update(task.id, advance=1, words=f"{speed:.1f}/s" if speed else "")


def with_bar(steps: Iterable[_Step], total: int, title: str) -> Iterator[_Step]:
    """The same steps, with a bar that goes when they are done."""
    progress, _ = progress_bar(title, total, transient=True)
    with progress:
        for step in steps:
            yield step
            advance(progress)
