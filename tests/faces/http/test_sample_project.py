"""The page's first project: pictures that come with the installation, none of them painted twice."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from asgnet.faces.http.sample_project import _EXAMPLE, _PICTURES, sample_file, sample_project


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)))


def test_the_example_is_painted_at_its_own_size():
    ((name, picture, mask),) = sample_project().examples
    assert name == "coins.png"
    assert _pixels(mask).shape == _pixels(picture).shape[:2] == (152, 384)
    assert set(np.unique(_pixels(mask))) == {0, 1}
    assert 0.2 < _pixels(mask).mean() < 0.4


def test_no_picture_shows_what_was_painted_but_for_a_seam():
    bottom = _EXAMPLE[1]
    for top, *_ in _PICTURES.values():
        assert top >= bottom - 2
    assert len(sample_project().pictures) == len(_PICTURES) == 5


def test_every_file_of_the_sample_can_be_had_by_its_name():
    sample = sample_project()
    for name, picture in sample.pictures:
        assert sample_file(name) == picture
    assert sample_file("coins.png") == sample.examples[0][1]
    assert sample_file("coins.png-mask.png") == sample.examples[0][2]
    with pytest.raises(KeyError):
        sample_file("../coins.png")
