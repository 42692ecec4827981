"""How to train, in one flat TOML file: every number that is not data, fold or place.

    load_recipe("default", {"steps": 500})

The recipes that come with the package lie in ``study/recipes``; a file of your own names only what differs
from the default's values.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from asgnet.errors import UsageError
from asgnet.files import named

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Number = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Recipe(BaseModel):
    """A recipe. Unknown keys are refused.

    Attributes:
        network: a preset; backbone: another backbone than the preset's, if not empty.
        side: pictures are squares of so many pixels.
        cached: the frozen backbone's features are computed once and kept on disk; else at every step.
        variants: cached augmented variants of every picture, beside the plain one.
        batch: episodes a step and process; accumulate: steps of backward per step of the optimizer.
        steps: optimizer steps; epochs: passes over the training pictures instead, if above 0.
        precision: of the forward pass.
        shots: the k of a batch is one of these; odds: with these probabilities.
        uniform: what is drawn uniformly: the ``classes``, or the query among the ``pictures`` (published).
        weights: of the datasets in the order given; the last one goes for the rest.
        unions: share of episodes whose object is two classes together.
        absent: share whose query comes from a picture without the class; presence: weight of the loss of a
            network's presence logit, if it has one; absent_weight: of such an episode's mask loss.
        pseudo: share whose object is no class but a colour; alone: of these, share within one picture.
        mirror: probability that a cached picture is mirrored.
        class_pixels: a picture counts for a class from so many of its pixels on; support_pixels: least
            object pixels of each support; class_pictures: least pictures of a class. In pixels of the
            cached labels, or of the originals when not cached.
        held_out: every so-manyth picture is never trained on, but validates; 0, as published: every picture is
            trained on, and all may validate.
        drift: BatchNorm of the frozen backbone normalises by the batch, and its statistics drift, as published.
        padding: of pictures smaller than ``side``: below and beside (``corner``) or all around (``centred``,
            as published).
        decoder_start: weights of the ASPP decoder's refinement start as torch's layers do, or by ``kaiming``'s rule.
        first_step: what the schedule calls the first step; published 1, so that the last one has the rate 0.
        optimizer, rate, decay, momentum: and its numbers; clip: largest norm of the gradient, 0 for any.
        schedule: of the rate, after ``warmup`` steps: ``cosine`` down to ``floor`` of it, or ``poly``
            with ``power``.
        ema: the averaged weights keep so much a step; 0 trains without.
        loss: ``pixels`` is the paper's cross-entropy, ``soft`` one with the object's share of each cell of a
            ``loss_grid`` square, plus ``dice`` times a soft Dice loss, per episode.
        auxiliary: weight of the auxiliary classifiers' loss.
        every: steps between validations; validation: their episodes.
        save_every: steps between checkpoints; log_every: steps between lines of metrics.jsonl.
        scale, rotation, rotation_share, blur_share, keep: augmentation where features are not cached: range
            of scales, degrees, shares of pictures, share of the object that a crop keeps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    network: str = "default"
    backbone: str = ""
    side: Annotated[int, Field(ge=32)] = 384
    cached: bool = True
    variants: Number = 1

    batch: Count = 8
    accumulate: Count = 1
    steps: Count = 2500
    epochs: NotNegative = 0.0
    precision: Literal["no", "fp16", "bf16"] = "no"

    shots: tuple[Count, ...] = (1, 2, 3, 5)
    odds: tuple[NotNegative, ...] = ()
    uniform: Literal["classes", "pictures"] = "classes"
    weights: tuple[Positive, ...] = (1.0,)
    unions: Share = 0.0
    absent: Share = 0.0
    pseudo: Share = 0.0
    alone: Share = 0.6
    mirror: Share = 0.5
    class_pixels: Count = 2048
    support_pixels: Count = 1
    class_pictures: Annotated[int, Field(ge=2)] = 8
    held_out: Number = 20
    drift: bool = False
    padding: Literal["corner", "centred"] = "corner"
    decoder_start: Literal["torch", "kaiming"] = "torch"
    first_step: Annotated[int, Field(ge=0, le=1)] = 0

    optimizer: Literal["adamw", "sgd"] = "adamw"
    rate: Positive = 2e-3
    decay: NotNegative = 0.01
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    clip: NotNegative = 1.0
    schedule: Literal["cosine", "poly"] = "cosine"
    warmup: Number = 50
    floor: Share = 0.01
    power: Positive = 0.9
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99

    loss: Literal["soft", "pixels"] = "soft"
    loss_grid: Count = 96
    dice: NotNegative = 0.5
    auxiliary: NotNegative = 1.0
    presence: NotNegative = 0.0
    absent_weight: NotNegative = 1.0

    every: Count = 250
    validation: Count = 96
    save_every: Count = 100
    log_every: Count = 1

    scale: tuple[Positive, Positive] = (0.9, 1.1)
    rotation: NotNegative = 10.0
    rotation_share: Share = 0.5
    blur_share: Share = 0.5
    keep: Share = 0.85

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not self.shots or not self.weights:
            raise ValueError("shots and weights need at least one number each")
        if self.odds and (len(self.odds) != len(self.shots) or not sum(self.odds)):
            raise ValueError(f"odds must be {len(self.shots)} probabilities, one for each of shots")
        if self.pseudo and not self.cached:
            raise ValueError("pseudo needs cached = true: colours are looked up in the cache")
        if self.held_out == 1:
            raise ValueError("held_out is 0, for none, or at least 2")
        if self.drift and self.cached:
            raise ValueError("drift needs cached = false: cached features do not change")
        if self.scale[0] > self.scale[1]:
            raise ValueError("scale is the smallest and the largest, in this order")
        return self

    def weight(self, place: int) -> float:
        """Weight of the dataset at ``place`` in the order given."""
        return self.weights[min(place, len(self.weights) - 1)]

    def toml(self) -> str:
        """The recipe as a flat TOML file that :func:`load_recipe` reads."""
        return "".join(f"{key} = {_toml(value)}\n" for key, value in self.model_dump().items())


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    folder = files("asgnet.study").joinpath("recipes")
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def load_recipe(name: str | Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe by name or from a file, with some values changed.

    Args:
        name: one of :func:`recipe_names`, or a TOML file.
        changes: values to set over it.

    Raises:
        UsageError: no such recipe or file, no TOML, an unknown key, a value that cannot be.
    """
    known = recipe_names()
    path = Path(name).expanduser()
    if str(name) in known:
        text = files("asgnet.study").joinpath("recipes", f"{name}.toml").read_text("utf-8")
    elif path.suffix == ".toml" or path.is_file():
        text = _read(path)
    else:
        raise UsageError(
            f"There is no recipe {str(name)!r}; take {', '.join(known)} or a .toml file."
            f"{_hint(str(name), known)}"
        )
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"The recipe {named(name)} is no TOML: {problem}.") from problem
    return _checked({**values, **(changes or {})}, named(name))


def parse_changes(settings: Sequence[str]) -> dict[str, Any]:
    """``key=value`` each, the value as TOML writes it (a bare word is a string).

    Raises:
        UsageError: one without ``=``.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set wants key=value, not {setting!r}; rate=0.001, say.")
        try:
            changes[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[key.strip()] = value.strip()
    return changes


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"The recipe {named(path)} cannot be read: {problem}.") from problem


def _checked(values: dict[str, Any], name: str) -> Recipe:
    for key in values:
        if key not in Recipe.model_fields:
            raise UsageError(f"The recipe {name} has no key {key!r}.{_hint(key, list(Recipe.model_fields))}")
    try:
        return Recipe(**values)
    except ValidationError as problem:
        first = problem.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        given = f" = {values[str(first['loc'][0])]!r}" if first["loc"] else ""
        raise UsageError(
            f"The recipe {name} cannot be used: {key}{given}: {what}.".replace(": : ", ": ")
        ) from problem


def _hint(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return repr(value)
