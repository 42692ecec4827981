"""The real network on a picture that is read in parts: the mask of the whole, also when the run was interrupted."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from asgnet import Segmenter
from asgnet.apply.batch import reading, segment_all
from asgnet.apply.inference import strips


def made(size, seed=0):
    """Discs on a background with texture, and where they are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(90, 150, (size[0] // 8, size[1] // 8, 3), np.uint8)
    picture = np.array(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))
    rows, columns = np.ogrid[: size[0], : size[1]]
    mask = np.zeros(size, bool)
    for y, x in rng.integers(40, np.array(size) - 40, (6, 2)):
        mask |= (rows - y) ** 2 + (columns - x) ** 2 < 30**2
    picture[mask] = (210, 50, 40)
    return picture, mask


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.from_pretrained().fit(*made((400, 500)), scale=(1.0, 256))


def test_a_tiled_tiff_in_parts_gives_the_mask_of_the_whole(segmenter, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "WHOLE", 1000)
    monkeypatch.setattr(strips, "VALUES", 100 * 500)
    picture, _ = made((600, 500), seed=1)
    tifffile.imwrite(tmp_path / "x.tif", picture, photometric="rgb", tile=(64, 64), compression="zlib")
    whole = segmenter.predict(picture)

    def stopping(name, part):
        if part > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_all(segmenter, [tmp_path / "x.tif"], tmp_path / "broken", on_part=stopping)
    told = []
    for out in ("broken", "unbroken"):
        done = segment_all(
            segmenter, [tmp_path / "x.tif"], tmp_path / out, on_part=lambda name, part: told.append(part)
        )
        assert done.done == 1
    assert told == pytest.approx([4 / 6, 5 / 6, 1, *(i / 6 for i in range(1, 7))])
    broken, unbroken = ((tmp_path / out / "x.png").read_bytes() for out in ("broken", "unbroken"))
    assert broken == unbroken
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "unbroken" / "x.png")) > 0, whole.mask)
    assert whole.mask.any()
