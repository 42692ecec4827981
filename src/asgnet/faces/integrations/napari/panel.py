"""The panel: choose examples, find their objects in an image or in a whole stack, in the background."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, Container, FileEdit, Label, PushButton, create_widget
from napari.qt.threading import thread_worker
from napari.utils.notifications import show_error, show_info
from numpy.typing import NDArray

from asgnet.apply.output.measure import measure
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import AsgnetError
from asgnet.faces.integrations.napari.layers import Index, examples, picture, slices
from asgnet.types import Picture

if TYPE_CHECKING:
    import napari.viewer

Found = tuple[Index, NDArray[np.int32], list[dict[str, Any]]]
"""Which picture of a layer, its objects ``h w``, and what is measured of each."""


class Panel(Container):
    """napari's dock widget.

    Args:
        viewer: napari's.

    Attributes:
        examples: ``(h w 3, h w)`` of each example added, from any images.
        worker: what runs in the background, or None.
    """

    def __init__(self, viewer: napari.viewer.Viewer):  # napari fills it in, by this name of its type
        super().__init__()
        self.viewer, self.worker = viewer, None
        self.examples: list[tuple[Picture, NDArray[np.int32]]] = []
        self._segmenter: Segmenter | None = None
        self._fitted = 0  # so many examples
        self.image = create_widget(label="image", annotation="napari.layers.Image")
        self.labels = create_widget(label="painted", annotation="napari.layers.Labels")
        self.add = PushButton(text="Add as example")
        self.clear = PushButton(text="Forget the examples")
        self.told = Label(value="no examples yet")
        self.table = CheckBox(text="Measure every object", value=True)
        self.segment = PushButton(text="Find the objects in the image")
        self.stop = PushButton(text="Stop", enabled=False)
        self.file = FileEdit(label="concept", mode="w", filter="*.concept")
        self.save = PushButton(text="Save what was learned")
        for button, action in (
            (self.add, self.add_example),
            (self.clear, self.forget),
            (self.segment, self.start),
            (self.stop, self.quit),
            (self.save, self.save_concept),
        ):
            button.changed.connect(action)
        self.extend(
            [self.image, self.labels, self.add, self.clear, self.told, self.table, self.segment, self.stop]
        )
        self.extend([self.file, self.save])

    def add_example(self) -> None:
        """Every painted picture of the chosen layers becomes an example."""
        if self.image.value is None or self.labels.value is None:
            show_error("Open an image, and paint its objects in a labels layer, each in a value of its own.")
            return
        try:
            self.examples += examples(self.image.value, self.labels.value)
        except AsgnetError as error:
            show_error(str(error))
        self._tell()

    def forget(self) -> None:
        """Begin anew."""
        self.examples, self._fitted = [], 0
        self._tell()

    def start(self) -> None:
        """Find the objects of the chosen image in the background; a labels layer shows them."""
        layer = self.image.value
        if layer is None or not self.examples:
            show_error("Open an image and add an example first.")
            return
        if self.worker is not None:
            return
        indices = slices(layer)
        shape = (layer.data[0] if layer.multiscale else layer.data).shape[: layer.ndim]
        out = self.viewer.add_labels(
            np.zeros(shape, np.int32),
            name=f"{layer.name} objects",
            scale=layer.scale,
            translate=layer.translate,
        )
        run = thread_worker(self._found, progress={"total": len(indices), "desc": "asgnet"})
        worker = run(layer, indices, [*self.examples], bool(self.table.value))
        rows: list[dict[str, Any]] = []

        def show(found: Found) -> None:
            index, numbers, measured = found
            out.data[index] = numbers
            rows.extend(measured)
            out.refresh()

        def done() -> None:
            self.worker = None
            self.stop.enabled, self.segment.enabled = False, True
            if rows:
                out.metadata["measures"] = rows
                if len(indices) == 1:
                    out.features = _by_label(rows)

        worker.yielded.connect(show)
        worker.errored.connect(lambda error: show_error(str(error)))
        worker.finished.connect(done)
        self.worker, self.stop.enabled, self.segment.enabled = worker, True, False
        worker.start()

    def quit(self) -> None:
        """Stop after the picture at hand."""
        if self.worker is not None:
            self.worker.quit()

    def save_concept(self) -> None:
        """Write what was learned, for ``asgnet segment --concept``."""
        if self._segmenter is None or self._segmenter.concept is None:
            show_error("Nothing is learned yet; find the objects of an image first.")
            return
        path = Path(self.file.value).with_suffix(".concept")
        try:
            self._segmenter.concept.save(path)
        except AsgnetError as error:
            show_error(str(error))
        else:
            show_info(f"Saved {path}")

    def _found(
        self, layer: Any, indices: list[Index], given: list[tuple[Picture, NDArray[np.int32]]], table: bool
    ) -> Iterator[Found]:
        """In the background: the examples are learned, if there are others than before, and each picture asked."""
        if self._segmenter is None:
            self._segmenter = Segmenter.from_pretrained()
        if self._fitted != len(given):
            self._segmenter.fit([one for one, _ in given], [objects for _, objects in given])
            self._fitted = len(given)
        for index in indices:
            shown = picture(layer, index)
            found = self._segmenter.predict(shown)
            name = " ".join([layer.name, *map(str, index)])
            yield index, found.labels, measure(found, shown, name=name).objects if table else []

    def _tell(self) -> None:
        count = len(self.examples)
        objects = sum(len(np.unique(numbers)) - 1 for _, numbers in self.examples)
        self.told.value = f"{count} examples, {objects} objects" if count else "no examples yet"


def _by_label(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Columns as napari's features have them, the background's row first."""
    first = {name: 0 if isinstance(value, int | float) else "" for name, value in rows[0].items()}
    columns = {name: [one[name] for one in (first, *rows)] for name in rows[0]}
    return {"index": columns["object"], **columns}
