"""What a run leaves on disk, and how it is found again.

config.json, model.safetensors   the result: the best averaged weights, ready for ``load_weights``
recipe.toml, training.json       what was done, on what, with which versions
metrics.jsonl, tensorboard/      a line a step; curves, if TensorBoard is installed
best/                            the result so far
last/state.pt                    everything needed to go on, replaced whole
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from asgnet.errors import OutputError, UsageError, WeightsError
from asgnet.files import atomic_path, named, save_bytes
from asgnet.progress import progress_bar
from asgnet.study.recipe import Recipe

STATE = Path("last") / "state.pt"


def load_state(out: Path, resume: bool, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state to go on from; None to start.

    Args:
        out: the run's folder.
        resume: whether going on is wanted.
        identity: what must not have changed.

    Raises:
        OutputError: there is a run and going on is not wanted.
        UsageError: it is another run.
        WeightsError: its state cannot be read.
    """
    file = out / STATE
    if not file.is_file():
        return None
    if not resume:
        raise OutputError(f"{str(out)!r} holds a run already; go on with --resume, or name another --out.")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        before = json.loads(state["identity"])
    except Exception as error:  # torch.load fails in a dozen ways
        raise WeightsError(
            f"The state {named(file)} cannot be read; delete {named(file.parent)} to start again."
        ) from error
    for key, was, now in _differing(before, identity):
        raise UsageError(
            f"The run in {str(out)!r} cannot go on: its {key} was {was!r}, now {now!r}; "
            "call it as before, or name another --out."
        )
    return state


def save_state(out: Path, state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Replace the state as a whole."""
    with atomic_path(out / STATE) as partial:
        torch.save({**state, "identity": json.dumps(identity)}, partial)


def save_json(file: Path, content: dict[str, Any]) -> None:
    """A JSON file, whole or not at all."""
    save_bytes(file, json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")


def publish(best: Path, out: Path) -> None:
    """The best weights become the run's result."""
    for name in ("config.json", "model.safetensors"):
        with atomic_path(out / name) as partial:
            shutil.copyfile(best / name, partial)


class Log:
    """metrics.jsonl, TensorBoard where it is installed, and a live bar.

    Args:
        out: the run's folder.
        start: the first step to come; later lines of a run that was cut off are dropped.
        steps: of the whole run.
        pictures: per step, for the rate.
        shown: whether there is a bar (one process has it).
    """

    def __init__(self, out: Path, start: int, steps: int, shown: bool = True) -> None:
        self.file = out / "metrics.jsonl"
        self.start, self.steps, self.shown = start, steps, shown
        self.board = None
        self.smooth: dict[str, float] = {}
        self.best = ""
        self.began = time.monotonic()
        self.told = 0.0
        self.pictures = 0
        if shown:
            self._keep_until(start)
            self.lines = self.file.open("a", encoding="utf-8")
            with suppress(ImportError):
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(out / "tensorboard"), purge_step=start + 1)

    def step(self, step: int, values: dict[str, float]) -> None:
        """One line of numbers after a step; with a rate, the bar follows."""
        self._write(step, values)
        for name in ("loss", "iou"):
            if name in values:
                before = self.smooth.get(name, values[name])
                self.smooth[name] = before + 0.05 * (values[name] - before)

    def validated(self, step: int, values: dict[str, float], best: bool) -> None:
        """One line of validation."""
        self._write(step, values)
        if best:
            self.best = f"best {values['base_iou']:.3f} at {step}"
        self._tell(step, "validated: " + " ".join(f"{k} {v:.4f}" for k, v in values.items()))

    def advance(self, step: int, pictures: int) -> None:
        """A step is done."""
        self.pictures += pictures
        if not self.shown:
            return
        if self.progress is not None:
            self.progress.update(self.task, completed=step, words=self._words())
        elif time.monotonic() - self.told > 30:
            left = (time.monotonic() - self.began) / max(step - self.start, 1) * (self.steps - step)
            self._tell(step, f"{self._words()}  {left / 60:.1f} min left")

    @contextmanager
    def live(self) -> Iterator[Log]:
        """The bar on a terminal's stderr; a line now and then elsewhere."""
        self.progress = None
        progress, self.task = progress_bar("train", self.steps, self.start)
        try:
            if not self.shown or progress.disable:
                yield self
                return
            with progress as self.progress:
                yield self
        finally:
            self.close()

    def close(self) -> None:
        """Flush and close the files."""
        if self.shown:
            self.lines.close()
            if self.board is not None:
                self.board.close()

    def _words(self) -> str:
        rate = self.pictures / max(time.monotonic() - self.began, 1e-9)
        parts = [f"{name} {value:.3f}" for name, value in self.smooth.items()]
        return "  ".join([*parts, f"{rate:.0f} pictures/s", *([self.best] if self.best else [])])

    def _tell(self, step: int, words: str) -> None:
        self.told = time.monotonic()
        if self.shown:
            print(f"{step}/{self.steps}  {words}", file=sys.stderr, flush=True)

    def _write(self, step: int, values: dict[str, float]) -> None:
        if not self.shown:
            return
        seconds = round(time.monotonic() - self.began, 2)
        self.lines.write(json.dumps({"step": step, **values, "seconds": seconds}) + "\n")
        self.lines.flush()
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)

    def _keep_until(self, step: int) -> None:
        """Drop the lines after ``step``, and a last half-written one."""
        kept = []
        if step and self.file.is_file():
            for line in self.file.read_text("utf-8").splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    if json.loads(line)["step"] <= step:
                        kept.append(line + "\n")
        save_bytes(self.file, "".join(kept).encode())


def _differing(before: dict[str, Any], identity: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(what, was, is); a number that the recipe did not have yet had its default."""
    was, now = Recipe(**before.pop("recipe")), Recipe(**identity["recipe"])
    for key in Recipe.model_fields:
        if getattr(was, key) != getattr(now, key):
            yield key, getattr(was, key), getattr(now, key)
    for key in before:
        if before[key] != identity[key]:
            yield key, before[key], identity[key]
