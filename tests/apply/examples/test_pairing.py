"""Which mask belongs to which picture: by name, and said aloud; nothing is guessed where two would do."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.examples.objects import read_objects
from asgnet.apply.examples.pairing import pair_folder
from asgnet.apply.examples.read_pairs import read_pairs
from asgnet.data.read import read_mask
from asgnet.errors import AsgnetWarning, SupportError, UsageError
from asgnet.faces.cli.segment_options import examples


@pytest.fixture
def put(tmp_path):
    """``put("a/b.jpg", …)``: pictures of 4 by 6, all of them with the same corner painted."""

    def write(*names, value=1):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.zeros((4, 6), np.uint8)
            pixels[:2, :3] = value
            Image.fromarray(pixels).save(path)
        return tmp_path

    return write


def areas(masks):
    """Of each class the painted pixels in every picture."""
    return {
        name: [m if m is None else (read_mask(m) == 1).sum() for m in each] for name, each in masks.items()
    }


def paired(folder):
    found = pair_folder(folder)
    pairs = {p.name: m.relative_to(folder).as_posix() for p, m in found.pairs}
    return pairs, {p.name: reason for p, reason in found.unused}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "a.png"], {"a.jpg": "a.png"}),
        (["a.jpg", "a_mask.png", "b.png", "b-mask.png"], {"a.jpg": "a_mask.png", "b.png": "b-mask.png"}),
        (["A.JPG", "a_mask.png"], {"A.JPG": "a_mask.png"}),
        (["images/a.png", "masks/a.png"], {"a.png": "masks/a.png"}),
        (["a.jpg", "masks/a_mask.png"], {"a.jpg": "masks/a_mask.png"}),
        (["JPEGImages/a.jpg", "SegmentationClass/a.png"], {"a.jpg": "SegmentationClass/a.png"}),
        (["images/x_mask.jpg", "masks/x_mask.png", "images/y.jpg", "masks/y.png"], {"y.jpg": "masks/y.png"}),
        (["images/train/a.jpg", "Masks/train/a.png"], {"a.jpg": "Masks/train/a.png"}),
        (["train/images/a.jpg", "train/masks/a.png"], {"a.jpg": "train/masks/a.png"}),
        (["day/a.jpg", "day/a.png", "night/b.jpg", "night/a.png"], {"a.jpg": "day/a.png"}),
        (["a.jpg", "a.png", ".hidden/b.jpg", ".hidden/b.png"], {"a.jpg": "a.png"}),
    ],
)  # fmt: skip
def test_by_name(put, names, expected):
    assert paired(put(*names))[0] == expected


def test_two_pictures_of_one_stem_in_different_folders(put):
    folder = put("day/a.jpg", "day/a.png", "night/a.jpg", "night/a_mask.png")
    assert pair_folder(folder).words == [
        "paired day/a.jpg with day/a.png",
        "paired night/a.jpg with night/a_mask.png",
    ]


def test_what_is_left_is_said(put):
    folder = put(
        "a.jpg",
        "a.png",
        "b.jpg",
        "c_mask.png",
        "d.jpg",
        "d.bmp",
        "d_mask.png",
        "e.jpg",
        "e.png",
        "e_mask.png",
    )
    pairs, left = paired(folder)  # fmt: skip
    assert pairs == {"a.jpg": "a.png"}
    assert left["b.jpg"] == "there is no mask for it"
    assert left["c_mask.png"] == "there is no picture for it"
    assert "d.bmp has the same stem" in left["d.jpg"]
    assert left["e.jpg"].startswith("several masks")
    assert left["e.png"] == "its picture is not used"
    words = pair_folder(folder).words
    assert words[0] == "paired a.jpg with a.png"
    assert len(words) == 1 + len(left)


def test_nothing_to_pair(put, tmp_path):
    with pytest.raises(UsageError, match="There is no folder"):
        pair_folder(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="No picture in"):
        pair_folder(tmp_path)
    with pytest.raises(UsageError, match=r"a\.jpg: there is no mask.*mug_mask\.png"):
        pair_folder(put("a.jpg"))


def labelme(*labels, points=((0, 0), (3, 0), (3, 2), (0, 2))):
    shapes = [{"label": one, "shape_type": "polygon", "points": points} for one in labels]
    return {"shapes": shapes, "imagePath": "a.jpg", "imageHeight": 4, "imageWidth": 6}


def test_annotations_name_their_classes(put):
    folder = put("a.jpg", "b.jpg")
    (folder / "a.json").write_text(json.dumps(labelme("Straße/1", "кот")), "utf-8")
    (folder / "b.txt").write_text("1 0 0 .5 0 .5 .5 0 .5\n")
    (folder / "classes.txt").write_text("cup\nкот\n", "utf-8")
    images, masks = read_pairs(pair_folder(folder).pairs)
    assert [p.name for p in images] == ["a.jpg", "b.jpg"]
    assert set(masks) == {"Straße/1", "кот"}
    assert masks["Straße/1"][1] is None
    assert masks["кот"][0].sum() == masks["кот"][1].sum() == 6


def coco(*names):
    return {
        "images": [{"id": i, "file_name": n, "height": 4, "width": 6} for i, n in enumerate(names)],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "segmentation": [[0, 0, 3, 0, 3, 2, 0, 2]]}
            for i, _ in enumerate(names)
        ],
    }  # fmt: skip


def test_one_file_about_all_pictures(put):
    folder = put("images/a.jpg", "images/b.jpg", "images/c.jpg")
    (folder / "annotations.json").write_text(json.dumps(coco("a.jpg", "b.jpg")))
    (folder / "other.json").write_text('{"neither": "nor"}')
    pairs, left = paired(folder)
    assert pairs == {"a.jpg": "annotations.json", "b.jpg": "annotations.json"}
    assert left["c.jpg"] == "there is no mask for it"
    assert "none of the kinds" in left["other.json"]
    images, masks = read_pairs(pair_folder(folder).pairs)
    assert len(images) == 2
    assert [m.sum() for m in masks["cup"]] == [6, 6]


def noted(folder, file, *names):
    (folder / file).write_text(json.dumps(coco(*names)))
    found = pair_folder(folder)
    pairs = {p.relative_to(folder).as_posix(): m.relative_to(folder).as_posix() for p, m in found.pairs}
    return pairs, {p.relative_to(folder).as_posix(): reason for p, reason in found.unused}


def test_a_second_word_about_a_picture_is_not_dropped_in_silence(put):
    folder = put("x.jpg", "y.jpg", "z.jpg")
    (folder / "first.json").write_text(json.dumps(coco("x.jpg", "y.jpg")))
    pairs, left = noted(folder, "second.json", "y.jpg", "z.jpg")
    assert pairs == {"x.jpg": "first.json", "y.jpg": "first.json", "z.jpg": "second.json"}
    assert left == {"second.json": "only for y.jpg, which had a mask already"}


def test_what_is_said_of_one_picture_is_not_given_to_two(put):
    folder = put("day/x.jpg", "night/x.jpg", "day/b.jpg")
    pairs, left = noted(folder, "annotations.json", "x.jpg", "b.jpg")
    assert pairs == {"day/b.jpg": "annotations.json"}
    assert left["day/x.jpg"] == left["night/x.jpg"]
    assert "names 'x.jpg', which may be day/x.jpg or night/x.jpg; write" in left["day/x.jpg"]
    pairs, left = noted(folder, "annotations.json", "day/x.jpg")
    assert pairs == {"day/x.jpg": "annotations.json"}
    assert left["night/x.jpg"] == "there is no mask for it"
    put("day/x.png")
    pairs, left = noted(folder, "annotations.json", "day/x.jpg")
    assert left["annotations.json"] == "it is about none of the pictures without a mask"
    assert "night/x.jpg" not in noted(folder, "annotations.json", "x.jpg")[0]
    (folder / "day/x.png").unlink()
    put("x.jpg")
    pairs, left = noted(folder, "annotations.json", "x.jpg")
    assert pairs == {"x.jpg": "annotations.json"}
    (folder / "x.jpg").unlink()
    (folder / "annotations.json").unlink()
    assert noted(folder, "day/annotations.json", "x.jpg")[0] == {"day/x.jpg": "day/annotations.json"}
    pairs, left = noted(folder, "night/annotations.json", "x.jpg")
    assert pairs == {f"{part}/x.jpg": f"{part}/annotations.json" for part in ("day", "night")}


def test_another_ending_counts_where_the_picture_itself_is_not_there(put):
    folder = put("day/a.webp", "b.jpg")
    pairs, left = noted(folder, "annotations.json", "a.jpg", "b.jpg")
    assert pairs == {"day/a.webp": "annotations.json", "b.jpg": "annotations.json"}
    put("night/a.jpg")
    pairs, left = noted(folder, "annotations.json", "a.jpg", "b.jpg")
    assert pairs == {"night/a.jpg": "annotations.json", "b.jpg": "annotations.json"}
    assert left["day/a.webp"] == "there is no mask for it"
    (folder / "night/a.jpg").rename(folder / "night/a.bmp")
    left = noted(folder, "annotations.json", "a.jpg", "b.jpg")[1]
    assert "which may be day/a.webp or night/a.bmp" in left["day/a.webp"] == left["night/a.bmp"]
    single = [(folder / "day/a.webp", folder / "annotations.json")]
    assert list(read_pairs(single)[1]) == ["cup"]
    put("day/a.jpg")
    with pytest.raises(SupportError, match=r"says nothing about .*a\.webp'; it names 'a.jpg', 'b.jpg'"):
        read_pairs(single)


def test_what_an_annotation_file_holds_that_is_no_area_is_said_once(put):
    folder = put("a.jpg", "b.jpg")
    content = coco("a.jpg", "b.jpg")
    content["annotations"].append({"id": 9, "image_id": 0, "category_id": 1, "bbox": [0, 0, 2, 2]})
    (folder / "annotations.json").write_text(json.dumps(content))
    with pytest.warns(AsgnetWarning) as said:
        read_pairs(pair_folder(folder).pairs)
    assert [str(one.message) for one in said if one.category is AsgnetWarning] == [
        "annotations.json: 1 objects with a box but no outline are not used."
    ]


def test_yolo_s_own_folders(put):
    folder = put("images/train/a.jpg", "images/val/a.jpg")
    for part, index in (("train", 0), ("val", 1)):
        (folder / "labels" / part).mkdir(parents=True)
        (folder / "labels" / part / "a.txt").write_text(f"{index} 0 0 .5 0 .5 .5 0 .5\n")
    (folder / "data.yaml").write_text("names: [cup, cat]\n")
    images, masks = read_pairs(pair_folder(folder).pairs)
    assert [p.parent.name for p in images] == ["train", "val"]
    assert masks["cup"][0].sum() == masks["cat"][1].sum() == 6


def test_colours_with_a_label_map_as_cvat_writes_them(put):
    folder = put("JPEGImages/a.jpg", "SegmentationClass/a.png")
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:2, :3], pixels[3, 5] = (250, 50, 83), (224, 224, 192)
    Image.fromarray(pixels).save(folder / "SegmentationClass/a.png")
    (folder / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nкот/1:250,50,83::\n"
    )
    _, masks = read_pairs(pair_folder(folder).pairs)
    assert list(masks) == ["кот/1"]
    assert (masks["кот/1"][0] == 1).sum() == 6
    assert masks["кот/1"][0][3, 5] == 255


def test_indices_with_a_list_of_classes(put):
    folder = put("JPEGImages/a.jpg", "SegmentationClass/a.png", "JPEGImages/b.jpg")
    put("SegmentationClass/b.png", value=2)
    (folder / "classes.txt").write_text("background\ncup\ncat\n")
    _, masks = read_pairs(pair_folder(folder).pairs)
    assert list(masks) == ["cup", "cat"]
    assert masks["cup"][0].sum() == masks["cat"][1].sum() == 6
    assert masks["cup"][1] is masks["cat"][0] is None
    put("SegmentationClass/b.png", value=3)
    with pytest.raises(SupportError, match=r"b\.png.* value 3.*classes\.txt names 2"):
        read_pairs(pair_folder(folder).pairs)


def test_numbered_objects_keep_their_numbers(put):
    folder = put("a.jpg", "b.jpg")
    numbers = np.zeros((4, 6), np.uint16)
    numbers[:2, :3], numbers[2:, :3], numbers[:2, 5] = 7, 300, 9  # the first two touch
    for name in ("a", "b"):
        Image.fromarray(numbers).save(folder / f"{name}_mask.png")
    _, masks = read_pairs(pair_folder(folder).pairs)
    found = read_objects(masks, {"object": [read_mask(numbers)] * 2})
    assert [one.max() for one in found["object"]] == [3, 3]


def test_unusable_ones_are_refused_by_name(put):
    folder = put("a.jpg")
    (folder / "a.json").write_text(json.dumps(labelme("cup", points=[[-9, -9], [-7, -9], [-7, -7]])))
    with pytest.raises(SupportError, match=r"Nothing is painted in a\.json"):
        read_pairs(pair_folder(folder).pairs)
    (folder / "a.json").write_text('{"shapes": 3}')
    with pytest.raises(SupportError, match=r"a\.json"):
        read_pairs(pair_folder(folder).pairs)
    (folder / "a.json").write_text(json.dumps(labelme("cup")))
    (folder / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(SupportError, match=r"An example cannot be used.*a\.jpg"):
        read_pairs(pair_folder(folder).pairs)


def test_a_folder_beside_single_examples(put, capsys):
    folder = put("dir/a.jpg", "dir/a.png", "b.jpg", "b_mask.png")
    single = [f"{folder / 'b.jpg'}\0{folder / 'b_mask.png'}"]
    images, masks, _ = examples(single, folder / "dir")
    assert [p.name for p in images] == ["b.jpg", "a.jpg"]
    assert list(masks) == ["object"]
    assert areas(masks) == {"object": [6, 6]}
    told = capsys.readouterr()
    assert told.err == "paired a.jpg with a.png\n"
    assert not told.out
    assert list(examples(single, None, "mug")[1]) == ["mug"]
    (folder / "dir/a.png").unlink()
    Path(folder / "dir/a.json").write_text(json.dumps(labelme("cup", "cat")))
    with pytest.raises(UsageError, match=r"2 classes \(cup, cat\).*--name"):
        examples(None, folder / "dir", "mug")
    with pytest.raises(UsageError, match="at least one example"):
        examples(None, None)


def test_a_single_example_may_have_an_annotation_file(put):
    folder = put("a.jpg", "b.jpg", "b_mask.png")
    (folder / "a.json").write_text(json.dumps(labelme("cup", "cat")))
    pairs = [(folder / "a.jpg", folder / "a.json"), (folder / "b.jpg", folder / "b_mask.png")]
    images, masks, _ = examples(["\0".join(map(str, pair)) for pair in pairs], None)
    assert len(images) == 2
    assert areas(masks) == {"cup": [6, None], "cat": [6, None], "object": [None, 6]}


def test_single_masks_are_of_the_classes_that_a_list_near_them_names(put, capsys):
    folder = put("a.jpg", "a.png", "b.jpg")
    put("b.png", value=2)
    (folder / "classes.txt").write_text("background\ncup\nspoon\n")
    pairs = ["\0".join(str(folder / name) for name in (f"{stem}.jpg", f"{stem}.png")) for stem in "ab"]
    _, masks, _ = examples(pairs, None)
    assert areas(masks) == {"cup": [6, None], "spoon": [None, 6]}
    assert capsys.readouterr().err == "the examples show 2 classes: cup, spoon\n"
    with pytest.raises(UsageError, match=r"2 classes \(cup, spoon\).*--name"):
        examples(pairs, None, "mug")


@pytest.mark.parametrize("value", [255, 3])
def test_values_that_the_list_does_not_name_are_of_one_class(put, value):
    folder = put("a.jpg")
    put("a.png", value=value)
    (folder / "classes.txt").write_text("background\ncup\nspoon\n")
    _, masks, _ = examples([f"{folder / 'a.jpg'}\0{folder / 'a.png'}"], None)
    assert masks == {"object": [folder / "a.png"]}


def test_white_on_black_beside_a_list_is_said_to_be_the_object(put):
    folder = put("a.jpg")
    put("a.png", value=255)
    (folder / "classes.txt").write_text("background\ncup\nspoon\n")
    with pytest.warns(AsgnetWarning, match=r"a\.png holds 0 and 255 alone: 255 is taken for the object"):
        _, masks = read_pairs(pair_folder(folder).pairs)
    assert areas(masks) == {"object": [6]}


@pytest.mark.parametrize("whole_folder", [False, True])
def test_masks_beside_annotations_of_one_class_are_of_that_class(put, whole_folder):
    folder = put("a.jpg", "b.jpg", "b_mask.png")
    (folder / "a.json").write_text(json.dumps(labelme("cup")))
    pairs = [f"{folder / 'b.jpg'}\0{folder / 'b_mask.png'}", f"{folder / 'a.jpg'}\0{folder / 'a.json'}"]
    with pytest.warns(AsgnetWarning, match="Masks that name no class are taken for 'cup'"):
        _, masks, _ = examples(None if whole_folder else pairs, folder if whole_folder else None)
    assert areas(masks) == {"cup": [6, 6]}
