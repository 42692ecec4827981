"""CVAT's function is given whatever lies on a CVAT server: every image an answer, or one sentence about it."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cvat_sdk.auto_annotation", reason="no cvat-sdk: pip install 'asgnet[cvat]'")

from tests.attack.bombs import grey_png

from asgnet import Segmenter
from asgnet.errors import PictureError, WeightsError
from asgnet.faces.integrations.cvat import Detector, create

ASKED = SimpleNamespace(conf_threshold=0.0, conv_mask_to_poly=False)


@pytest.fixture(scope="module")
def detector() -> Detector:
    picture = np.full((60, 80, 3), 90, np.uint8)
    picture[20:40, 30:60] = (220, 30, 30)
    return Detector(Segmenter.from_pretrained().fit(picture, picture[..., 0] > 200))


def opened(data: bytes) -> Image.Image:
    """As CVAT's driver hands it over: open, nothing decoded."""
    return Image.open(io.BytesIO(data))


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_an_image_of_more_pixels_than_are_read_is_refused_before_it_is_decoded(detector, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # whatever the driver's process has set
    image = opened(grey_png(14_000, 14_000))
    with pytest.raises(PictureError, match="196 megapixels"):
        detector.detect(ASKED, image)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_an_image_that_is_cut_short_is_refused_in_a_sentence(detector, form):
    noise = Image.effect_noise((300, 200), 90)
    data = encoded(noise, form)
    with pytest.raises(PictureError, match="copy it again"):
        detector.detect(ASKED, opened(data[: len(data) // 2]))


@pytest.mark.filterwarnings("ignore::asgnet.errors.AsgnetWarning")  # deep values are scaled, and that is said
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (64, 48)])
def test_every_kind_of_image_is_answered_within_its_bounds(detector, mode, size):
    image = Image.effect_noise(size, 60)
    deep = np.asarray(image).astype(np.uint16) * 200
    image = Image.fromarray(deep) if mode == "I;16" else image.convert(mode)
    for shape in detector.detect(ASKED, image):
        left, top, right, bottom = shape.points[-4:]
        assert 0 <= left <= right < size[0]
        assert 0 <= top <= bottom < size[1]


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 4096, b"\xff" * 9 + b"{}"])
def test_a_concept_file_of_a_stranger_is_refused_in_a_sentence(tmp_path, content):
    file = tmp_path / "mug.concept"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"mug\.concept"):
        create(str(file))
