"""A proposed mask and the picture to look at it by."""

import numpy as np
import pytest
from PIL import Image
from tests.saying import says

from asgnet.apply.interactive.prompts import read_prompts
from asgnet.apply.interactive.save import proposal_files, save_proposal, with_prompts
from asgnet.data.read import read_support
from asgnet.errors import OutputError, UsageError

SIZE = (40, 60)
PICTURE = np.full((*SIZE, 3), 90, np.uint8)
MASK = np.zeros(SIZE, np.uint8)
MASK[10:20, 12:32] = 1
PROMPTS = read_prompts([(20, 15, True), (50, 30, False)], (8, 6, 58, 36), SIZE)


@pytest.fixture
def source(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "mug.png")
    return tmp_path / "mug.png"


def test_what_is_written_is_an_example_and_what_is_said_is_plain(source, tmp_path):
    out = tmp_path / "new" / "mug_mask.png"
    facts = save_proposal(MASK, PICTURE, PROMPTS, out, source=source)
    np.testing.assert_array_equal(read_support(source, out).mask, MASK)
    assert facts == {
        "picture": str(source),
        "mask": str(out),
        "overlay": str(out.with_name("mug_mask_overlay.jpg")),
        "area_fraction": round(200 / 2400, 6),
        "box": [12, 10, 20, 10],
    }
    assert sorted(p.name for p in out.parent.iterdir()) == ["mug_mask.png", "mug_mask_overlay.jpg"]


def test_the_overlay_shows_the_mask_and_the_prompts(source, tmp_path):
    save_proposal(MASK, PICTURE, PROMPTS, tmp_path / "m.png", source=source)
    shown = np.asarray(Image.open(tmp_path / "m_overlay.jpg")).astype(int)
    assert shown.shape == PICTURE.shape
    apart = np.abs(shown - 90).max(-1)
    assert apart[12:18, 26:30].min() > 20  # the tint
    assert apart[6, 30] > 20  # the box
    assert apart[30, 50] > 60  # the cross
    assert apart[26:28, 20:40].max() < 20  # and nothing elsewhere


def test_prompts_are_drawn_where_they_are_said():
    drawn = with_prompts(PICTURE, PROMPTS)
    green, red = drawn[15, 20].tolist(), drawn[30, 50].tolist()
    assert green[1] > green[0]
    assert red[0] > red[1]
    assert (drawn[6, 8:58] != 90).all()
    assert (PICTURE == 90).all()


def test_nothing_is_replaced_unasked_and_the_picture_never(source, tmp_path):
    overlay = tmp_path / "mug_mask_overlay.jpg"
    overlay.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        save_proposal(MASK, PICTURE, PROMPTS, tmp_path / "mug_mask.png", source=source)
    assert not (tmp_path / "mug_mask.png").exists()
    assert overlay.read_text() == "precious"
    before = source.read_bytes()
    with pytest.raises(OutputError, match="is the picture itself"):
        save_proposal(MASK, PICTURE, PROMPTS, source, source=source, overwrite=True)
    assert source.read_bytes() == before


def test_an_empty_mask_is_no_example(source, tmp_path):
    with pytest.raises(UsageError) as error:
        save_proposal(MASK * 0, PICTURE, PROMPTS, tmp_path / "m.png", source=source)
    says(error, "Nothing is left of the object", "take away")
    assert [p.name for p in tmp_path.iterdir()] == ["mug.png"]


@pytest.mark.parametrize("name", ["mask.jpg", "mask", "masks/", ".png", "mask.PNG"])
def test_a_mask_is_a_png(tmp_path, name):
    with pytest.raises(UsageError, match=r"name one \(mug_mask\.png, say\)"):
        proposal_files(tmp_path / name)
