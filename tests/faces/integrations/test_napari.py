"""The plugin in the real napari, without a screen (make integrations)."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
napari = pytest.importorskip("napari", reason="no napari: make integrations")
pytest.importorskip("PySide6", reason="napari needs a Qt: make integrations")

from asgnet import Concept  # noqa: E402

SIZE = (96, 128)


def sheet(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs, some touching, on dark noise in 16 bits; and their numbers."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(SIZE)
    labels = np.zeros(SIZE, np.int32)
    for number, x in enumerate((20, 41, 80, 108), 1):
        y = 48 + rng.uniform(-8, 8)
        labels[(rows - y) ** 2 + (columns - x) ** 2 <= 11**2] = number
    values = rng.integers(200, 400, SIZE) + 3000 * (labels > 0)
    return values.astype(np.uint16), labels


@pytest.fixture(scope="module")
def viewer():
    """The real one; its layers are not drawn, for without a screen there is no OpenGL."""
    from napari._qt.qt_viewer import QtViewer
    from napari._vispy.canvas import VispyCanvas

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(QtViewer, "_add_layer", lambda self, layer: None)
        for name in ("_remove_layer", "_reorder_layers"):
            patched.setattr(VispyCanvas, name, lambda self, *event: None)
        found = napari.Viewer(show=False)
        yield found
        found.close()


@pytest.fixture
def panel(viewer):
    viewer.layers.clear()
    _, widget = viewer.window.add_plugin_dock_widget("asgnet", "Few-shot segmentation")
    yield widget
    viewer.window.remove_dock_widget(widget.native)


@pytest.fixture
def said(monkeypatch):
    """What napari was told to show as errors."""
    import asgnet.faces.integrations.napari.panel as module

    told: list[str] = []
    monkeypatch.setattr(module, "show_error", told.append)
    return told


def waited(panel) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + 240
    while panel.worker is not None:
        assert time.monotonic() < end
        QApplication.processEvents()
        time.sleep(0.02)


def add_example(viewer, panel, seed: int) -> None:
    values, labels = sheet(seed)
    panel.image.reset_choices()
    panel.image.value = viewer.add_image(values, name=f"sheet {seed}")
    panel.labels.reset_choices()
    panel.labels.value = viewer.add_labels(labels, name=f"painted {seed}")
    panel.add_example()


def test_examples_of_several_images_and_a_whole_stack(viewer, panel, said, tmp_path):
    for seed in range(2):
        add_example(viewer, panel, seed)
    assert panel.told.value == "2 examples, 8 objects"
    stack, true = (np.stack(values) for values in zip(*map(sheet, (5, 6, 7)), strict=True))
    layer = viewer.add_image(stack, name="stack", scale=(1, 0.5, 0.5))
    panel.image.reset_choices()
    panel.image.value = layer
    panel.start()
    assert panel.stop.enabled
    waited(panel)
    assert said == []
    out = viewer.layers["stack objects"]
    assert out.data.shape == stack.shape
    assert tuple(out.scale) == tuple(layer.scale)
    for found, right in zip(out.data, true, strict=True):
        assert found.max() == 4
        assert ((found > 0) == (right > 0)).mean() > 0.98
    rows = out.metadata["measures"]
    assert [row["picture"] for row in rows] == [f"stack {i}" for i in range(3) for _ in range(4)]
    panel.file.value = tmp_path / "discs.concept"
    panel.save_concept()
    assert Concept.load(tmp_path / "discs.concept").counts == (2,)


def test_what_is_missing_is_said(viewer, panel, said):
    panel.start()
    panel.add_example()
    add_example(viewer, panel, 1)
    assert len(panel.examples) == 1
    panel.labels.value.data = np.zeros(SIZE, int)
    panel.add_example()
    panel.image.value = viewer.add_image(np.zeros((9, 9)), name="small")
    panel.add_example()
    panel.save_concept()
    assert [text.split(";")[0].split(",")[0] for text in said] == [
        "Open an image and add an example first.",
        "Open an image",
        "Nothing is painted in the labels 'painted 1'",
        "The labels 'painted 1' have the shape (96",
        "Nothing is learned yet",
    ]
    panel.forget()
    assert panel.told.value == "no examples yet"


def test_pictures_are_shown_as_their_contrast_limits_say():
    from asgnet.faces.integrations.napari.layers import picture, slices

    grey = napari.layers.Image(
        np.array([[[100, 200], [300, 400]]] * 2, np.uint16), contrast_limits=(100, 300)
    )
    assert slices(grey) == [(0,), (1,)]
    assert picture(grey, (1,))[..., 0].tolist() == [[0, 128], [255, 255]]
    colours = np.random.default_rng(0).integers(0, 255, (5, 6, 4)).astype(np.uint8)
    rgb = napari.layers.Image(colours, rgb=True)
    assert slices(rgb) == [()]
    np.testing.assert_array_equal(picture(rgb), colours[..., :3])
    floats = napari.layers.Image(colours[..., :3] / 255, rgb=True)
    np.testing.assert_array_equal(picture(floats), colours[..., :3])
