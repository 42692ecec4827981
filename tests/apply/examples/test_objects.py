import numpy as np
import pytest
from PIL import Image

from asgnet.apply.examples.objects import kept_lists, read_objects
from asgnet.data.read import read_mask
from asgnet.errors import AsgnetWarning, SupportError

NUMBERED = np.zeros((20, 30), np.int32)
NUMBERED[2:8, 2:8], NUMBERED[2:8, 8:14], NUMBERED[12:18, 4:9] = 7, 300, 7


def objects(mask) -> np.ndarray:
    (found,) = read_objects(mask, {"object": [read_mask(mask)]})["object"]
    return found


def test_pieces_of_different_values_are_different_objects():
    found = objects(NUMBERED)
    assert found.max() == 3
    assert ((found > 0) == (NUMBERED > 0)).all()
    assert found[4, 7] != found[4, 8]


@pytest.mark.parametrize("make", [lambda m: m > 0, lambda m: (m > 0) * np.uint8(255)])
def test_in_a_plain_mask_each_piece_is_one(make):
    assert objects(make(NUMBERED)).max() == 2


def test_files_of_numbers(tmp_path):
    Image.fromarray(NUMBERED.astype(np.uint16)).save(tmp_path / "m.png")
    assert objects(tmp_path / "m.png").max() == 3
    Image.fromarray((NUMBERED > 0).astype(np.uint8) * 255).save(tmp_path / "soft.jpg", quality=60)
    with pytest.warns(AsgnetWarning, match="soft edges"):
        assert objects(tmp_path / "soft.jpg").max() == 2


def test_absent_classes_and_iterators():
    images, masks = kept_lists(iter([1, 2]), {"cup": iter([None, NUMBERED])})
    assert images == [1, 2]
    read = {"cup": [None, read_mask(NUMBERED)]}
    none, found = read_objects(masks, read)["cup"]
    assert none is None
    assert found.max() == 3


def test_too_many_objects():
    many = np.zeros((600, 600), np.uint8)
    many[::2, ::2] = 1
    with pytest.raises(SupportError, match="90,000 objects, more than 65,535"):
        objects(many)
