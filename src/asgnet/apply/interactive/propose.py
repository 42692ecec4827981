"""A box or a few clicks become a mask: for examples that nobody has painted.

    proposer = Proposer(segmenter, "mug.jpg")  # the picture's features: once
    mask = proposer.propose(box=(40, 60, 200, 180))
    mask = proposer.propose(box=(40, 60, 200, 180), points=[(90, 70, False)])  # a moment each

The prompt network looks at a window of the picture: at what the box holds, or, after a click, first at the whole
picture and then closer at what it found. Each further click corrects the answer before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit

from asgnet.apply.interactive.glances import Glances, read_features, sureness
from asgnet.apply.interactive.prompt_graph import prompt_graph
from asgnet.apply.interactive.prompts import Box, Point, Prompts, read_prompts
from asgnet.apply.interactive.windows import Window, bounds, window_around
from asgnet.data.read import read_picture
from asgnet.imaging.resize import bilinear
from asgnet.model.prompts.channels import prompt_channels
from asgnet.types import Mask, Picture

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter

Array = NDArray[np.float32]

LARGEST = 1024
"""Pixels of a window's longer side in which the prompts are kept to exactly; larger masks are enlarged from it."""
LARGE = 3.0
"""A window stays while it is at most so many times as wide as what it should show."""
KEPT = 8
"""Windows whose features are kept, 1 MB each; and answers."""


class Answer(NamedTuple):
    """Logits ``128 128`` of a window."""

    logits: Array
    window: Window


class Proposer:
    """Proposes masks in one picture.

    Args:
        segmenter: lends its backbone; what was fitted is neither used nor changed.
        image: what :func:`asgnet.data.read.read_picture` takes.

    Attributes:
        picture: ``h w 3`` uint8, upright: the points and boxes are in its pixels.

    Raises:
        PictureError: the picture cannot be read.
        WeightsError: the prompt network that comes with the package is damaged.
    """

    def __init__(self, segmenter: Segmenter, image: str | os.PathLike[str] | Picture | Any) -> None:
        self.picture = read_picture(image)
        self._size = self.picture.shape[0], self.picture.shape[1]
        self._backend, self._graph = segmenter.backend, prompt_graph()
        self._features: LRUCache[Window, dict[str, Array]] = LRUCache(KEPT)
        self._answers: LRUCache[tuple, Answer] = LRUCache(KEPT)
        self._glances = Glances(self.picture, self._backend.encode)

    def propose(self, points: Iterable[Point] = (), box: Box | None = None) -> Mask:
        """A mask of what the prompts mean; the same prompts give the same mask.

        Args:
            points: ``(x, y, inside)`` in the picture's pixels, (0, 0) its upper left corner; inside is True
                on the object, False on what is not. Each corrects what those before it gave.
            box: ``(x0, y0, x1, y1)`` around the object; nothing beyond it is object.

        Returns:
            ``h w`` uint8 in {0, 1}, the picture's size. The pixels of inside points are 1, those of outside
            points 0. Without a box every piece of it holds an inside point.

        Raises:
            UsageError: neither a box nor an inside point, or one beyond the picture.
        """
        points = list(points)
        prompts = read_prompts(points, box, self._size)
        first = 0 if box is not None else next(i for i, p in enumerate(points) if p[2]) + 1
        answer: Answer | None = None
        for count in range(first, len(points) + 1):
            key = (prompts.box, tuple(map(tuple, points[:count])))
            if key not in self._answers:
                said = read_prompts(points[:count], box, self._size)
                self._answers[key] = self._answer(points[:count], said, answer)
            answer = self._answers[key]
        assert answer is not None
        return self._mask(prompts, answer)

    def _answer(self, points: list[Point], prompts: Prompts, before: Answer | None) -> Answer:
        """To all that was said, given the answer to all but the last click."""
        if before is not None or prompts.box is not None:
            last = None if before is None else before.window
            return self._look(self._window(prompts, before, last), points, prompts, before)
        glance = self._glance(points)
        window = self._window(prompts, glance, None)
        looks = [self._look(window, points, prompts, one).logits for one in (glance, None)]
        return Answer(np.mean(looks, 0), window)  # a glance may mislead: half of the answer is without it

    def _glance(self, points: list[Point]) -> Answer:
        """Of the windows of all sizes around a first click the answer that is surest."""
        x, y, _ = points[-1]
        answers = [
            self._asked(window, features, points, None, None)
            for window, features in self._glances.around(x, y)
        ]
        return max(answers, key=lambda one: sureness(one.logits, one.window, self._size))

    def _look(self, window: Window, points: list[Point], prompts: Prompts, before: Answer | None) -> Answer:
        if window not in self._features:
            self._features[window] = read_features(self._backend.encode, window.of(self.picture))
        return self._asked(window, self._features[window], points, prompts.box, before)

    def _asked(
        self,
        window: Window,
        features: dict[str, Array],
        points: list[Point],
        box: Box | None,
        before: Answer | None,
    ) -> Answer:
        """The prompt network's answer in a window."""
        clicks = [(*window.to_window(x, y), bool(on)) for x, y, on in points]
        edges = box and (*window.to_window(*box[:2]), *window.to_window(*box[2:]))
        earlier = None if before is None else window.seen(expit(before.logits), before.window)
        feed = {"prompts": prompt_channels(clicks, edges, earlier)[None], **features}
        return Answer(self._graph.run("prompts", feed)["logits"][0], window)

    def _window(self, prompts: Prompts, before: Answer | None, last: Window | None) -> Window:
        """Around the box, or around the clicks and what was found; the last one where it will do."""
        if prompts.box is not None:
            around = prompts.box
        else:
            parts = [(x, y, x, y) for x, y in prompts.inside]
            if before is not None:
                parts.append(self._bounds(prompts, before))
            x0, y0, x1, y1 = zip(*parts, strict=True)
            around = min(x0), min(y0), max(x1), max(y1)
        if last is not None:
            least = window_around(around, self._size, 0.1)
            if last.holds(least) and max(last.size) <= LARGE * max(least.size):
                return last
        return window_around(around, self._size)

    def _bounds(self, prompts: Prompts, answer: Answer) -> Box:
        """Of what was found, in pixels of the picture."""
        rows, columns = answer.logits.shape
        found = prompts.seen(answer.window, (rows, columns)).constrained(answer.logits)
        x0, y0, x1, y1 = bounds(found == 1) or (0, 0, columns, rows)
        to_picture = answer.window.to_picture
        return (*to_picture(x0 / columns, y0 / rows), *to_picture(x1 / columns, y1 / rows))

    def _mask(self, prompts: Prompts, answer: Answer) -> Mask:
        """``h w`` in {0, 1} of the picture."""
        window = answer.window
        scale = min(1, LARGEST / max(window.size))
        height, width = (max(1, round(n * scale)) for n in window.size)
        found = prompts.seen(window, (height, width)).constrained(bilinear(answer.logits, (height, width)))
        mask = np.zeros(self._size, np.uint8)
        rows, columns = slice(window.y0, window.y1), slice(window.x0, window.x1)
        mask[rows, columns] = enlarged(found, window.size)
        return prompts.obeyed(mask)


def enlarged(mask: Mask, size: tuple[int, int]) -> Mask:
    """``h w`` in {0, 1} -> the same of a larger size, its edges smooth."""
    if mask.shape == size:
        return mask
    image = Image.fromarray(mask * 255).resize(size[::-1], Image.Resampling.BILINEAR)
    return (np.asarray(image) > 127).astype(np.uint8)
