"""asgnet: show one to a handful of pictures with an object painted, get it segmented in all the others.

    from asgnet import Segmenter
    segmenter = Segmenter.from_pretrained()
    segmenter.fit(images, masks)
    prediction = segmenter.predict(image)

The public names load on first use, so that ``import asgnet`` (and ``asgnet --help``) stays instant.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["AsgnetError", "Concept", "Prediction", "Segmenter", "__version__", "measure"]

if TYPE_CHECKING:
    from asgnet.apply.concept.file import Concept
    from asgnet.apply.output.measure import measure
    from asgnet.apply.segmenter import Segmenter
    from asgnet.errors import AsgnetError
    from asgnet.types import Prediction

_HOMES = {
    "AsgnetError": "asgnet.errors",
    "Concept": "asgnet.apply.concept.file",
    "Prediction": "asgnet.types",
    "Segmenter": "asgnet.apply.segmenter",
    "measure": "asgnet.apply.output.measure",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'asgnet' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
