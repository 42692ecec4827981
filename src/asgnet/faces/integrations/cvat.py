"""CVAT's auto-annotation: a concept's masks in every image of a task.

    cvat-cli task auto-annotate 7 --function-module asgnet.faces.integrations.cvat -p concept=str:mug.concept

CVAT's command line calls :func:`create`, then ``detect`` for one image after the other, and sends the shapes
to its server; the task needs a label of each class's name.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from asgnet.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Prediction


class Detector:
    """A detection function as ``cvat_sdk.auto_annotation`` asks for.

    Args:
        segmenter: with a concept.

    Attributes:
        spec: the concept's classes as labels, numbered from 1.
    """

    def __init__(self, segmenter: Segmenter):
        import cvat_sdk.auto_annotation as cvat

        if segmenter.concept is None:
            raise UsageError("Nothing is fitted yet: call fit(images, masks), or set a concept.")
        self._segmenter = segmenter
        names = enumerate(segmenter.concept.classes, 1)
        self.spec = cvat.DetectionFunctionSpec(
            labels=[cvat.label_spec(name, number, type="mask") for number, name in names]
        )

    def detect(self, context: Any, image: Image) -> list[Any]:
        """One mask for each class that is there; polygons, if CVAT asks for them.

        Args:
            context: CVAT's; its ``conf_threshold`` is the least presence (0.5 if it is None).
            image: of any size.

        Raises:
            PictureError: the image cannot be read.
        """
        import cvat_sdk.auto_annotation as cvat
        from cvat_sdk.masks import encode_mask

        from asgnet.apply.inference.postprocess import PRESENT
        from asgnet.imaging.regions import polygons, window

        least = PRESENT if context.conf_threshold is None else context.conf_threshold
        picture: Any = image
        prediction: Prediction = self._segmenter.predict(picture)
        parts = prediction.by_class or {prediction.classes[0]: prediction}
        shapes = []
        for number, part in enumerate(parts.values(), 1):
            region = prediction.mask == (number if prediction.by_class else True)
            edges = window(region)
            if edges is None or part.presence < least:
                continue
            if context.conv_mask_to_poly:
                shapes += [cvat.polygon(number, ring.ravel().tolist()) for ring in polygons(region, 1)]
            else:
                top, bottom, left, right = edges
                shapes.append(cvat.mask(number, encode_mask(region, [left, top, right, bottom])))
        return shapes


def create(concept: str, weights: str | None = None, device: str = "cpu") -> Detector:
    """What CVAT calls with the parameters that ``-p`` gave.

    Args:
        concept: a file that ``asgnet fit`` or the page made.
        weights: as ``Segmenter.from_pretrained``.
        device: ``"cpu"`` or ``"cuda"``.

    Raises:
        UsageError: cvat-sdk is not installed.
        WeightsError: the concept cannot be used.
    """
    if not find_spec("cvat_sdk"):
        raise UsageError("CVAT's functions need cvat-sdk; install it with: pip install 'asgnet[cvat]'")
    from asgnet.apply.concept.file import Concept
    from asgnet.apply.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(weights, device)
    segmenter.concept = Concept.load(concept)
    return Detector(segmenter)
