"""The Segmenter: fit a few painted pictures once, predict any number of others.

    segmenter = Segmenter.from_pretrained()
    segmenter.fit(["mug1.jpg", "mug2.jpg"], ["mug1.png", "mug2.png"])
    for prediction in segmenter.predict(["a.jpg", "b.jpg"]):
        print(prediction.presence, prediction.mask.sum())

Fitting is slow once, predicting fast many times: a prediction touches no support.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.file import Concept, Effort, stated_words
from asgnet.apply.concept.scale import AskedScale, Scale, fixed_scale
from asgnet.apply.concept.shots import Shot
from asgnet.apply.concept.tensors import ClassFit, check_concept, concept_tensors
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.choose import Engine, Precision
from asgnet.apply.engines.load import backend_of_net, backend_of_weights
from asgnet.apply.examples.objects import kept_lists, read_objects
from asgnet.apply.examples.read import is_one, read_examples, supports_of
from asgnet.apply.fitting.examples import Example, picture_hash, shots_of, stored_examples
from asgnet.apply.fitting.learn import Learned, check_options, expected_of, learned_concept, superpixels_of
from asgnet.apply.fitting.refit import added
from asgnet.apply.fitting.separation import Objects, with_separations_of
from asgnet.apply.inference.prediction import predict, with_separations
from asgnet.apply.inference.strips import Strips
from asgnet.data.read import read_picture
from asgnet.errors import UsageError, WeightsError
from asgnet.imaging.separation import Separation
from asgnet.types import Picture, PictureParts, Prediction, Rendering, Support, Thoroughness, Unpainted

if TYPE_CHECKING:
    from asgnet.model.default.network import DefaultNet
SIDE = 512
Adapt = bool | Literal["auto"]


class Segmenter:
    """Few-shot segmentation for everyone's own pictures.

    Args:
        net: the network in torch, or the :class:`Backend` of one; :meth:`from_pretrained` brings the trained one.
        device: where it runs, ``"cpu"`` or ``"cuda"``.
        engine: what predicts: ``"torch"``, ``"onnx"``, ``"openvino"``, or ``"auto"``, the fastest installed.
        precision: of predicting: ``"fp32"``, ``"bf16"``, or ``"auto"``, the fastest on this processor.
        edges: masks follow the picture's edges (:mod:`asgnet.apply.inference.edges`), or are only enlarged.

    Attributes:
        backend: what computes; copies of a Segmenter share it.
        edges: as given.
        thoroughness: ``"auto"``; ``"fast"``, one view instead of windows; ``"full"``, all windows.
        supports: the examples of the last fit, as read; empty after a concept was set or examples were added.
        partly_painted: of each of them, whether unpainted pixels were filled in.
        fits: what predictions need of the classes, see :func:`~asgnet.apply.concept.tensors.concept_tensors`.
        concept: what was learned, or None before. Setting one replaces what was fitted.
    """

    def __init__(
        self,
        net: DefaultNet | Backend,
        device: str = "cpu",
        engine: Engine = "torch",
        precision: Precision = "fp32",
        edges: bool = True,
    ) -> None:
        self.backend = (
            net if isinstance(net, Backend) else backend_of_net(net, device, engine, precision, SIDE)
        )
        self.edges = edges
        self.thoroughness: Thoroughness = "auto"
        self.supports: list[Support] = []
        self.partly_painted: list[bool] = []
        self._superpixels: Callable[[], list[NDArray[np.int32]]] = list
        self._concept: Concept | None = None
        self._unencoded_shots: Callable[[], tuple[Shot, ...]] | None = None
        # The classes, their fits and separations: changed at once, for others may be predicting.
        self._fitted: tuple[tuple[str, ...], Mapping[Scale, ClassFit], Mapping[str, Separation]] = (
            (),
            {},
            {},
        )

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str] | None = None,
        device: str = "cpu",
        engine: Engine = "auto",
        precision: Precision = "auto",
        edges: bool = True,
        threads: int = 0,
    ) -> Segmenter:
        """A trained Segmenter.

        Args:
            source: None for the weights that come with the package, or a folder of training, or a name on the Hub.
            device: ``"cpu"`` or ``"cuda"``.
            engine: see :class:`Segmenter`.
            precision: see :class:`Segmenter`.
            edges: see :class:`Segmenter`.
            threads: of one prediction; 0: one a core.

        Raises:
            WeightsError: the weights cannot be had, or are of another network.
            UsageError: the engine is not installed, or has no such precision.
        """
        return cls(backend_of_weights(source, device, engine, precision, SIDE, threads), edges=edges)

    @property
    def engine(self) -> str:
        """What predicts."""
        return self.backend.engine

    @property
    def precision(self) -> str:
        """Of predicting."""
        return self.backend.precision

    @property
    def fingerprint(self) -> str:
        """Of the weights."""
        return self.backend.fingerprint

    @property
    def fits(self) -> Mapping[Scale, ClassFit]:
        """What predictions need of the classes, by working scale."""
        return self._fitted[1]

    @property
    def concept(self) -> Concept | None:
        """What was learned."""
        if self._unencoded_shots is not None and self._concept is not None:  # encoded only for those who ask
            self._concept = replace(self._concept, shots=self._unencoded_shots())
            self._unencoded_shots = None
        return self._concept

    @concept.setter
    def concept(self, concept: Concept) -> None:
        if not isinstance(concept, Concept):
            raise UsageError(f"A {type(concept).__name__} is no Concept; Concept.load(path) reads one.")
        if concept.network != self.fingerprint:
            raise WeightsError("This concept was fitted with other weights than these; fit it again.")
        check_concept(concept, expected_of(self.backend))
        self._keep(concept)

    def fit(
        self,
        images: Any,
        masks: Any,
        adapt: Adapt = "auto",
        seed: int = 0,
        keep_pictures: bool = True,
        rendering: Rendering | None = None,
        unpainted: Unpainted | Sequence[Unpainted] = "background",
        background: Any = None,
        scale: AskedScale = None,
        effort: Effort = "auto",
    ) -> Segmenter:
        """Learn an object, or several classes, from painted examples.

        Args:
            images: a picture or a list of them: path, PIL image or ``h w 3`` uint8.
            masks: as many masks: path, or bool/integer ``h w``, non-zero is the object; different values are different
                objects, which tells how to separate those that touch. For several classes ``{name: masks}``, where a
                class may be absent from some of the pictures (an array of zeros, or None).
            adapt: measure on the supports how heads are combined, and the scale ("auto": True); or not (False).
            seed: of whatever fitting draws.
            keep_pictures: the Concept keeps the pictures, small, so that examples can be added to it later.
            rendering: which channels are seen, and which values are black and white, of more than 8 bits or three
                channels; what it leaves open is found in these pictures, and holds for every later one.
            unpainted: what unpainted pixels are, in all pictures or each: ``"background"``; ``"unknown"``, where only
                some objects, or strokes within them, are painted; ``"auto"``, unknown where more seems unpainted.
            background: as many masks where background is painted, or None; the rest of those is unknown then.
            scale: of all classes: above 16 the pixels of every picture's longer side, else network pixels per picture
                pixel, or such a number and the side of windows, ``(1, 768)``; None: the best of each class.
            effort: ``"auto"`` fits a spatial head too; ``"best"`` does so for longer; ``"quick"`` does not.

        Raises:
            SupportError: an example teaches nothing: unreadable, other size, nothing painted, contradictory.
            UsageError: numbers of pictures and masks differ.
        """
        check_options(adapt, seed, effort)
        images, masks = kept_lists(images, masks)
        read = read_examples(images, masks, rendering, unpainted, background)
        named_masks, pictures, rendering, words = read
        fixed = fixed_scale(scale, self.backend.side)
        kept = stored_examples(pictures, named_masks, self.backend.side, self.backend.numbers, fixed)
        supports = tuple(picture_hash(picture) for picture in pictures)
        blank = Concept(tuple(named_masks), {}, "", supports, adapt=bool(adapt), seed=seed, scale=fixed)
        blank = replace(blank, rendering=rendering, unpainted=stated_words(words), effort=effort)
        learned = self.fit_kept(kept, blank, read_objects(masks, named_masks) if adapt else {})
        self.supports = supports_of(pictures, named_masks[blank.classes[0]])
        self.partly_painted = learned.filled.partial
        self._superpixels = partial(superpixels_of, self.backend, learned, self.supports)
        if keep_pictures:
            self._unencoded_shots = partial(shots_of, kept, tuple(named_masks))
        return self

    def fit_kept(self, examples: Sequence[Example], blank: Concept, objects: Objects) -> Learned:
        """Learn from examples as they are kept, with their ``objects``; ``blank`` says the rest."""
        learned = learned_concept(self.backend, examples, blank)
        twin = self.with_backend(self.backend)
        twin.concept = replace(learned.concept, rendering=None)  # the stored examples are shown already
        self._keep(with_separations_of(twin.predict, learned, objects))
        return learned

    def add(self, images: Any, masks: Any, **partly: Any) -> Segmenter:
        """Learn more examples, and more classes, as if all had been given to :meth:`fit` at once.

        Args:
            images: as for :meth:`fit`.
            masks: the same; classes that the concept does not have yet come last.
            partly: ``unpainted`` and ``background``, as for :meth:`fit`.

        Raises:
            UsageError: nothing was learned, or the concept keeps no pictures, or has such a picture already.
            SupportError: an example teaches nothing.
        """
        self._learned()
        assert self.concept is not None
        self._keep(added(self.backend, self.concept, images, masks, **partly))
        return self

    @overload
    def predict(self, image: str | os.PathLike[str] | Picture) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, image: Iterable[Any]) -> Iterator[Prediction]: ...
    def predict(self, image: Any) -> Prediction | Iterator[Prediction]:
        """Find what was learned.

        Args:
            image: a picture (path, PIL image, ``h w 3`` uint8) or any iterable of pictures.

        Returns:
            its :class:`~asgnet.types.Prediction`, or an iterator of them in the same order.

        Raises:
            UsageError: nothing was fitted.
            PictureError: the picture cannot be read.
        """
        classes, fits, separations = self._learned()  # what is learned now, whatever is fitted meanwhile
        how = None if self._concept is None else self._concept.rendering

        def find(one: Any) -> Prediction:
            picture = read_picture(one, rendering=how)
            found = predict(self.backend, fits, classes, picture, self.edges, self.thoroughness)
            return with_separations(found, separations, picture)

        if is_one(image):
            return find(image)
        if not isinstance(image, Iterable):
            raise UsageError(f"A {type(image).__name__} is neither a picture nor an iterable of pictures.")
        return map(find, image)

    def strips(self, parts: PictureParts, rows: int | None = None, first: int = 0) -> Strips:
        """Of a picture of any size, see :class:`~asgnet.apply.inference.strips.Strips`."""
        classes, fits, _ = self._learned()
        return Strips(self.backend, fits, classes, parts, self.edges, self.thoroughness, rows, first)

    def superpixels(self) -> list[NDArray[np.int32]]:
        """Per support ``h w`` at its own size: the superpixel of the (first class's) object, else -1.
        Its number is that of its prototype in the guide map: supports do not share numbers.
        """
        return self._superpixels()

    def forget_supports(self) -> None:
        """Free the memory of :attr:`supports` and :meth:`superpixels`; predictions need neither."""
        self.supports, self._superpixels = [], list

    def with_backend(self, backend: Backend) -> Segmenter:
        """A copy that has learned the same, on another backend of the same network."""
        twin = copy(self)
        twin.backend = backend
        return twin

    def with_feature_cache(self, most: int | None = None) -> Segmenter:
        """A copy that has learned the same and encodes every picture once, see :meth:`Backend.with_feature_cache`."""
        return self.with_backend(self.backend.with_feature_cache(most))

    def _learned(self) -> tuple[tuple[str, ...], Mapping[Scale, ClassFit], Mapping[str, Separation]]:
        if not self._fitted[1]:
            raise UsageError("Nothing is learned yet: call fit(images, masks), or set a concept.")
        return self._fitted

    def _keep(self, concept: Concept) -> None:
        self._fitted = concept.classes, concept_tensors(concept), concept.separations
        self._concept, self._unencoded_shots = concept, None
        self.forget_supports()
        self.partly_painted = []
