import numpy as np

from asgnet.imaging import drawing


def test_spotlight_leaves_the_inside_of_the_object_alone():
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    lit = drawing.spotlight(image, mask)
    assert (lit[12:28, 12:28] == image[12:28, 12:28]).all()
    assert (lit[:4] != image[:4]).any()
