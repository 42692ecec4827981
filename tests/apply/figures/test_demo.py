"""The demo finds its objects and draws them."""

from PIL import Image

from asgnet.apply.figures import demo
from asgnet.apply.segmenter import Segmenter


def test_the_demo_finds_the_motorcycle_and_draws_its_picture(tmp_path):
    seen = []
    path = demo.run_demo(Segmenter.from_pretrained(), tmp_path / "new" / "folder", seen.append)
    assert [found.scene.name for found in seen] == ["motorcycle", "coins", "tissue", "eye"]
    assert seen[0].iou > 0.7
    with Image.open(path) as picture:
        assert picture.size[0] > 1200
        assert picture.mode == "RGB"
