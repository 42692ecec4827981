"""Views of a support: a picture and its mask go the same way."""

import numpy as np

from asgnet.apply.fitting.views import views


def test_picture_and_mask_stay_together():
    mask = np.zeros((96, 128), np.uint8)
    mask[20:60, 10:50] = 1
    mask[70:80, 100:] = 255
    picture = np.repeat(np.where(mask == 1, 200, 60).astype(np.uint8)[..., None], 3, 2)
    found = list(views(picture, mask, (96, 128), 8, np.random.default_rng(0)))
    assert len(found) == 8
    assert len({shown.shape for shown, _ in found}) > 2
    for shown, painted in found:
        assert shown.dtype == painted.dtype == np.uint8
        assert shown.shape[:2] == painted.shape
        assert all(side % 32 == 0 and side >= 96 for side in painted.shape)
        bright = shown[..., 1] > (int(shown[..., 1].min()) + int(shown[..., 1].max())) / 2
        assert (bright == (painted == 1)).mean() > 0.97  # but for what is between the two
    assert all(
        np.array_equal(a[0], b[0])
        for a, b in zip(found, views(picture, mask, (96, 128), 8, np.random.default_rng(0)), strict=True)
    )
