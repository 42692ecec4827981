"""The Segmenter: fit a few painted pictures once, predict any number of others.

    segmenter = Segmenter.from_pretrained()
    segmenter.fit(["mug1.jpg", "mug2.jpg"], ["mug1.png", "mug2.png"])
    for prediction in segmenter.predict(["a.jpg", "b.jpg"]):
        print(prediction.presence, prediction.mask.sum())

Fitting is slow once, predicting fast many times: a prediction touches no support.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.concept.tensors import ClassFit, check_concept, closer_of, recall
from asgnet.apply.engines.graph import GraphOutput
from asgnet.apply.engines.runtimes import (
    MAKING,
    AnyEngine,
    Engine,
    Precision,
    TorchEngine,
    choose_device,
    choose_engine,
    choose_precision,
    make_engine,
)
from asgnet.apply.examples.read import is_one, read_examples, supports_of
from asgnet.apply.fitting import learn as fitting
from asgnet.apply.inference.grid import kept, seen_picture, side_of
from asgnet.apply.inference.prediction import prediction_of
from asgnet.apply.inference.preprocess import Views, channels_first, see
from asgnet.data.read import read_picture
from asgnet.errors import UsageError, WeightsError
from asgnet.model.checkpoint import fingerprint, pretrained
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.types import Concept, Picture, Prediction, Shot, Support

if TYPE_CHECKING:
    from asgnet.apply.doctor.diagnosis import Diagnosis

SIDE = 512
Adapt = bool | Literal["auto"]


class Segmenter:
    """Few-shot segmentation for everyone's own pictures.

    Args:
        net: the network; :meth:`from_pretrained` brings the trained one.
        device: where it runs, ``"cpu"`` or ``"cuda"``.
        engine: what predicts: ``"torch"``, ``"onnx"``, ``"openvino"``, or ``"auto"``, the fastest installed.
        precision: of predicting: ``"fp32"``, ``"bf16"``, or ``"auto"``, what is fastest on this processor.
        edges: masks follow the picture's edges (:mod:`asgnet.apply.inference.edges`), or are only enlarged.

    Attributes:
        engine, precision: the ones chosen.
        supports: the examples of the last fit, as read; empty after a concept was set or examples were added.
        concept: what was learnt, or None before. Setting one replaces what was fitted.
    """

    def __init__(
        self,
        net: DefaultNet,
        device: str = "cpu",
        engine: Engine = "torch",
        precision: Precision = "fp32",
        edges: bool = True,
    ) -> None:
        self.device = choose_device(device)
        self.engine = choose_engine(engine, self.device)
        self.precision = choose_precision(precision, self.engine)
        self.edges = edges
        self._answers: AnyEngine | None = None
        self.net = net.eval().to(self.device)
        self.fingerprint = fingerprint(net)
        self.supports: list[Support] = []
        self._concept: Concept | None = None
        self._unkept: Callable[[], tuple[Shot, ...]] | None = None
        # Of the classes, what was learnt of them; changed at once, for others may be predicting.
        self._known: tuple[tuple[str, ...], dict[bool, ClassFit]] = ((), {})
        self._superpixels: list[NDArray[np.int32]] = []

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str] | None = None,
        device: str = "cpu",
        engine: Engine = "auto",
        precision: Precision = "auto",
        edges: bool = True,
    ) -> Segmenter:
        """A trained Segmenter.

        Args:
            source: None for the weights that come with the package (no network needed), or a folder written
                by training, or the name of a repository on the Hugging Face Hub.
            device: ``"cpu"`` or ``"cuda"``.
            engine: see :class:`Segmenter`; exporting to another one than torch takes seconds, once.
            precision: see :class:`Segmenter`.
            edges: see :class:`Segmenter`.

        Raises:
            WeightsError: the weights cannot be had, or are of another network.
            UsageError: the engine is not installed, or has no such precision.
        """
        net = pretrained(source)
        if not isinstance(net, DefaultNet):
            raise WeightsError(
                f"{source} holds a {net.config.decoder} network; a Segmenter needs one trained with the "
                "default recipe (use asgnet evaluate --weights for the others)."
            )
        return cls(net, device, engine, precision, edges)

    @property
    def concept(self) -> Concept | None:
        """What was learnt."""
        if self._unkept is not None and self._concept is not None:  # encoded only for those who ask
            self._concept, self._unkept = replace(self._concept, shots=self._unkept()), None
        return self._concept

    @concept.setter
    def concept(self, concept: Concept) -> None:
        if not isinstance(concept, Concept):
            raise UsageError(f"A {type(concept).__name__} is no Concept; Concept.load(path) reads one.")
        if concept.network != self.fingerprint:
            raise WeightsError(
                "This concept was fitted with other weights than these; fit it again from its examples."
            )
        check_concept(concept, self.net, self.device)
        self._keep(concept)

    def _keep(
        self, concept: Concept, supports: Sequence[Support] = (), parts: Sequence[NDArray[np.int32]] = ()
    ) -> None:
        self._known = concept.classes, recall(concept, self.device)
        self._concept, self._unkept = concept, None
        self.supports, self._superpixels = list(supports), list(parts)

    def fit(
        self, images: Any, masks: Any, adapt: Adapt = "auto", seed: int = 0, keep_pictures: bool = True
    ) -> Segmenter:
        """Learn an object, or several classes, from painted examples.

        Args:
            images: a picture or a list of them: path, PIL image or ``h w 3`` uint8.
            masks: as many masks: path, or bool/uint8 ``h w``, non-zero is the object; or, for several
                classes, ``{name: masks}``, where a class may be absent from some of the pictures (an array
                of zeros, or None).
            adapt: measure on the supports whose opinion to believe, how far, and how closely to look
                ("auto": True), or take the meta-trained defaults (False).
            seed: of whatever fitting draws.
            keep_pictures: the Concept keeps the pictures, small, so that examples can be added to it later;
                without them it can be given to people who must not see them.

        Returns:
            itself.

        Raises:
            SupportError: an example teaches nothing: unreadable, other size, nothing painted.
            UsageError: numbers of pictures and masks differ.
        """
        if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
            raise UsageError(f"The seed is a whole number from 0 on, not {seed!r}.")
        if adapt not in (True, False, "auto"):
            raise UsageError(f"adapt must be True, False or 'auto', not {adapt!r}.")
        named_masks, pictures = read_examples(images, masks)
        small, painted = fitting.kept_examples(pictures, named_masks, SIDE)
        views = Views(self.see, small, SIDE)
        concept = Concept(
            tuple(named_masks),
            fitting.learn_classes(self.net, views, painted, bool(adapt), seed, self.device),
            self.fingerprint,
            tuple(fitting.picture_hash(p) for p in pictures),
            tuple(sum(m is not None for m in masks) for masks in named_masks.values()),
            (),
            bool(adapt),
            seed,
            *fitting.origin(),
        )
        first, closer = next(iter(named_masks)), closer_of(concept)[0]
        supports = supports_of(pictures, named_masks[first])
        parts = fitting.superpixels_of(self.net, views, closer, painted[first], supports, self.device)
        self._keep(concept, supports, parts)
        if keep_pictures:
            sizes = [p.shape[:2] for p in pictures]
            self._unkept = partial(fitting.shots_of, small, painted, sizes)
        return self

    def add(self, images: Any, masks: Any) -> Segmenter:
        """Learn more examples, and more classes, as if all had been given to :meth:`fit` at once.

        Args:
            images: as for :meth:`fit`.
            masks: as for :meth:`fit`; classes that the concept does not have yet come last.

        Raises:
            UsageError: nothing was learnt, or the concept keeps no pictures, or has such a picture already.
            SupportError: an example teaches nothing.
        """
        from asgnet.apply.fitting.refit import added

        if self.concept is None:
            raise UsageError("Nothing is learnt yet: call fit(images, masks), or set a concept.")
        self._keep(added(self, self.concept, images, masks))
        return self

    @overload
    def predict(self, image: str | os.PathLike[str] | Picture) -> Prediction: ...
    @overload
    def predict(self, image: Iterable[Any]) -> Iterator[Prediction]: ...
    def predict(self, image: Any) -> Prediction | Iterator[Prediction]:
        """Find what was learnt.

        Args:
            image: a picture (path, PIL image, ``h w 3`` uint8) or any iterable of pictures.

        Returns:
            its :class:`~asgnet.types.Prediction`, or an iterator of them in the same order.

        Raises:
            UsageError: nothing was fitted.
            PictureError: the picture cannot be read.
        """
        classes, learnt = self._known  # what is learnt now, whatever is fitted meanwhile
        if not learnt:
            raise UsageError("Nothing is learnt yet: call fit(images, masks), or set a concept.")
        find = partial(self._predict, learnt, classes)
        if is_one(image):
            return find(image)
        if not isinstance(image, Iterable):
            raise UsageError(f"A {type(image).__name__} is neither a picture nor an iterable of pictures.")
        return map(find, image)

    @property
    def _learnt(self) -> dict[bool, ClassFit]:
        return self._known[1]

    @property
    def side(self) -> int:
        """The longer one of what the network usually sees, in pixels."""
        return SIDE

    def see(self, pictures: Sequence[Picture]) -> list[FeatureMaps]:
        """What the backbone sees in each of some pictures ``h w 3`` uint8, their sides multiples of 32."""
        return see(self.net, pictures, self.device)

    def look(self, picture: Picture) -> FeatureMaps:
        """What the backbone sees in ``h w 3`` uint8: slow once, for whoever asks :attr:`net` many times."""
        return self.see([seen_picture(kept(picture, SIDE), SIDE)])[0]

    def diagnose(self, images: Any = None, masks: Any = None) -> Diagnosis:
        """Do examples, as for :meth:`fit`, agree with each other? By default those of the last fit."""
        from asgnet.apply.doctor.diagnosis import diagnose

        if images is None:
            images, masks = [s.image for s in self.supports], [s.mask for s in self.supports]
        return diagnose(self, images, masks)

    def superpixels(self) -> list[NDArray[np.int32]]:
        """Per support ``h w`` at its own size: the superpixel of the (first class's) object, else -1.

        A superpixel's number is that of its prototype in the guide map: supports do not share numbers.
        """
        return self._superpixels

    def _predict(self, learnt: dict[bool, ClassFit], classes: Sequence[str], image: Any) -> Prediction:
        picture = read_picture(image)
        answers = [(self._ask(self._prepare(picture, closer), part), part) for closer, part in learnt.items()]
        return prediction_of(answers, classes, picture, self.edges)

    def _ask(self, pictures: Tensor, learnt: ClassFit) -> GraphOutput:
        """``b 3 h w`` uint8 -> what the engine answers; it is made at the first question."""
        if self._answers is None:
            with MAKING:
                if self._answers is None:  # nobody else made it meanwhile
                    wanted = (self.engine, self.precision)
                    self._answers = make_engine(self.net, learnt, *wanted, SIDE, self.fingerprint)
        return self._answers(pictures, learnt)

    def answer_in_torch(self) -> None:
        """Until another engine takes over: no exporting, so the first answer does not wait."""
        self._answers = TorchEngine(self.net, self.precision if self.engine == "torch" else "fp32")

    def use_engine_of(self, other: Segmenter) -> None:
        """Predict with the graphs that another Segmenter with the same network has made."""
        self._answers = other._answers

    def forget_supports(self) -> None:
        """Free the memory of the examples as they were read; the concept stays."""
        self.supports, self._superpixels = [], []

    def _prepare(self, picture: Picture, closer: bool = False) -> Tensor:
        """``h w 3`` uint8 -> ``1 3 h' w'`` uint8, as the network sees it."""
        return channels_first(seen_picture(kept(picture, SIDE), side_of(SIDE, closer)))
