"""Datasets in their layouts, the index cache, and what a wrong folder is told."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from asgnet.data.benchmarks import index
from asgnet.data.benchmarks.coco import paint
from asgnet.data.benchmarks.dataset import class_mask, open_dataset
from asgnet.errors import AsgnetWarning, DataError

SHARED = Path(os.environ.get("ASGNET_SHARED", Path(__file__).parents[4] / "shared")) / "data"
H, W = 6, 8


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


def photo(path, value=90):
    write(path, np.full((H, W, 3), value))


def labels(**regions):
    """Background with some rows per class: labels(c3=2) has two rows of class 3."""
    array, row = np.zeros((H, W), np.uint8), 0
    for name, rows in regions.items():
        array[row : row + rows] = int(name[1:])
        row += rows
    return array


def voc_devkit(root):
    photo(root / "JPEGImages/2007_a.jpg")
    photo(root / "JPEGImages/2007_b.jpg")
    photo(root / "JPEGImages/2007_c.jpg")
    write(root / "SegmentationClass/2007_a.png", labels(c8=2, c255=1))
    write(root / "SegmentationClass/2007_b.png", labels(c12=3))
    write(root / "SegmentationClass/2007_c.png", labels(c1=1))
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_a\n")
    (lists / "val.txt").write_text("2007_b\n2007_c\n")
    return root


def folder(root, classes="null\ncup\nhat\n"):
    for name, mask in {"a": labels(c1=2), "b": labels(c2=1, c1=1), "c": labels()}.items():
        photo(root / f"images/{name}.jpg")
        write(root / f"masks/{name}.png", mask)
    if classes:
        (root / "classes.txt").write_text(classes)
    return root


@pytest.fixture
def opened(tmp_path):
    return lambda spec, split=None: open_dataset(spec, split, cache_dir=tmp_path / "cache", workers=1)


def test_a_class_mask_keeps_ignore_and_drops_the_other_classes():
    assert class_mask(np.array([[0, 3, 7, 255]]), 3).tolist() == [[0, 1, 0, 255]]


def test_voc_in_its_devkit_folders(tmp_path, opened):
    voc_devkit(tmp_path / "VOCdevkit/VOC2012")
    train, val = opened(f"voc:{tmp_path}", "train"), opened(f"voc:{tmp_path}")
    assert list(train.pictures) == ["2007_a"]
    assert list(val.pictures) == ["2007_b", "2007_c"]
    assert len(val.classes) == 20
    assert val.classes[12] == "dog"
    assert train.counts["2007_a"] == {0: 3 * W, 8: 2 * W, 255: W}
    assert train.picture("2007_a").shape == (H, W, 3)
    assert train.mask("2007_a", 8)[:4, 0].tolist() == [1, 1, 255, 0]
    assert val.holding(12, min_pixels=3 * W) == ("2007_b",)
    assert val.holding(12, min_pixels=3 * W + 1) == ()


def test_vocs_augmented_masks_make_the_train_list_but_never_a_val_picture(tmp_path, opened):
    voc_devkit(tmp_path)
    for name in ("2007_a", "2007_b", "2008_x"):
        write(tmp_path / f"SegmentationClassAug/{name}.png", labels(c15=4))
    photo(tmp_path / "JPEGImages/2008_x.jpg")
    assert list(opened(f"voc:{tmp_path}", "train").pictures) == ["2007_a", "2008_x"]
    assert opened(f"voc:{tmp_path}", "val").pixels("2007_b", 15) == 4 * W


def sbd(root, *names):
    for name in names:
        photo(root / f"img/{name}.jpg")
        (root / "cls").mkdir(exist_ok=True)
        savemat(
            root / f"cls/{name}.mat", {"GTcls": {"Segmentation": labels(c20=2), "CategoriesPresent": [20]}}
        )
    (root / "train.txt").write_text("\n".join(names[:1]))
    (root / "val.txt").write_text("\n".join(names[1:]))
    return root


def test_sbds_own_mat_files(tmp_path, opened):
    sbd(tmp_path / "benchmark_RELEASE/dataset", "2008_p", "2008_q")
    train = opened(f"voc:{tmp_path}", "train")
    assert list(train.pictures) == ["2008_p"]
    assert train.counts["2008_p"] == {0: 4 * W, 20: 2 * W}


def test_sbd_beside_voc_joins_the_train_list(tmp_path, opened):
    voc_devkit(tmp_path / "VOC2012")
    sbd(tmp_path / "SBD", "2007_b", "2008_q")
    assert list(opened(f"voc:{tmp_path}", "train").pictures) == ["2007_a", "2008_q"]
    assert opened(f"voc:{tmp_path}", "val").pixels("2007_b", 12) == 3 * W


def test_a_bad_mat_file_is_named(tmp_path, opened):
    root = sbd(tmp_path / "SBD", "2008_p", "2008_q")
    savemat(root / "cls/2008_p.mat", {"other": 1})
    with pytest.raises(DataError, match=r"2008_p.*no SBD label file"):
        opened(f"voc:{tmp_path}", "train")


def coco_json(annotations, names=("one", "two")):
    images = [{"id": i, "file_name": f"{n}.jpg", "height": H, "width": W} for i, n in enumerate(names)]
    categories = [{"id": 90, "name": "brush"}, {"id": 3, "name": "car"}]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories})


def box(image, category, rows, columns, crowd=0):
    (top, bottom), (left, right) = rows, columns
    shape = [[left, top, right, top, right, bottom, left, bottom]]
    if crowd:
        mask = np.zeros((H, W), np.uint8)
        mask[top:bottom, left:right] = 1
        runs, last = [], 0
        for value in mask.ravel(order="F"):
            if value != last or not runs:
                runs += [0, 1] if value and not runs else [1]
            else:
                runs[-1] += 1
            last = value
        shape = {"size": [H, W], "counts": runs}
    area = (bottom - top) * (right - left)
    return {"image_id": image, "category_id": category, "area": area, "iscrowd": crowd, "segmentation": shape}


def coco_root(root, year="2017"):
    (root / "annotations").mkdir(parents=True)
    notes = [box(0, 90, (0, 2), (0, 2)), box(0, 3, (0, 4), (0, 8)), box(0, 3, (3, 6), (0, 8), crowd=1)]
    (root / f"annotations/instances_val{year}.json").write_text(coco_json(notes))
    photo(root / f"val{year}/one.jpg")
    photo(root / f"val{year}/two.jpg")
    return root


@pytest.mark.parametrize("year", ["2014", "2017"])
def test_coco_small_over_large_over_crowd(tmp_path, opened, year):
    dataset = opened(f"coco{year}:{coco_root(tmp_path / 'coco', year)}", "val")
    assert dataset.classes == {1: "car", 2: "brush"}
    expected = labels(c1=4, c255=2)
    expected[:2, :2] = 2
    assert dataset.labels("one").tolist() == expected.tolist()
    assert dataset.counts["two"] == {0: H * W}


def test_coco_is_read_once_and_again_when_it_changed(tmp_path, opened, monkeypatch):
    root = coco_root(tmp_path / "coco")
    file = root / "annotations/instances_val2017.json"
    first = opened(f"coco2017:{root}", "val")
    with monkeypatch.context() as patch:
        patch.setattr(
            "asgnet.data.benchmarks.coco._load", lambda file: pytest.fail("the JSON was read again")
        )
        assert opened(f"coco2017:{root}", "val").hash == first.hash
    file.write_text(coco_json([box(1, 3, (0, 1), (0, 8))]))
    assert opened(f"coco2017:{root}", "val").counts["two"] == {0: 5 * W, 1: W}
    assert len(list((tmp_path / "cache").glob("coco-*"))) == 1


def test_any_coco_json(tmp_path, opened):
    photo(tmp_path / "mine/one.jpg")
    (tmp_path / "mine/labels.json").write_text(coco_json([box(0, 3, (0, 1), (0, 8))], names=["one"]))
    for spec in (tmp_path / "mine", f"folder:{tmp_path / 'mine/labels.json'}"):
        assert opened(spec).pixels("one", 1) == W


def test_a_coco_json_cannot_write_outside_the_cache(tmp_path, opened):
    file = tmp_path / "labels.json"
    file.write_text(coco_json([], names=["../../stolen"]))
    with pytest.raises(DataError, match="outside"):
        opened(f"folder:{file}")


def test_missing_coco_pictures_are_counted(tmp_path, opened):
    root = coco_root(tmp_path / "coco")
    (root / "val2017/two.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 2 pictures.*two\.jpg.*cocodataset"):
        opened(f"coco2017:{root}", "val")


def test_painting_knows_compressed_runs():
    from pycocotools import mask as rle

    code = rle.encode(np.asfortranarray(labels(c1=2)))
    assert paint((H, W), ((5, 16.0, False, code),)).tolist() == labels(c5=2).tolist()


def test_fss1000_class_splits(tmp_path, opened):
    splits = json.loads((Path(index.__file__).parent / "fss1000_splits.json").read_text())
    assert [len(set(splits[part])) for part in ("train", "val", "test")] == [520, 240, 240]
    for name in splits["test"]:
        (tmp_path / name).mkdir()
    chosen = splits["test"][7]
    photo(tmp_path / chosen / "1.jpg")
    write(tmp_path / chosen / "1.png", labels(c255=2))
    dataset = opened(f"fss1000:{tmp_path}")
    assert list(dataset.pictures) == [f"{chosen}/1"]
    assert len(dataset.classes) == 240
    assert 255 not in dataset.classes
    target = next(i for i, name in dataset.classes.items() if name == chosen)
    assert dataset.mask(f"{chosen}/1", target).sum() == 2 * W
    with pytest.raises(DataError, match=r"240 of 240 class folders.*FSS-1000"):
        opened(f"fss1000:{tmp_path}", "val")


def test_class_indices_above_255_survive(tmp_path, opened):
    for name in (f"c{i:03}" for i in range(300)):
        photo(tmp_path / "many" / name / "x.jpg")
        write(tmp_path / "many" / name / "x.png", labels(c1=1))
    dataset = opened(tmp_path / "many")
    assert dataset.classes[256] == "c254"
    assert dataset.labels("c254/x").max() == 256
    assert dataset.mask("c254/x", 256).sum() == W
    assert dataset.mask("c010/x", 11).sum() == W


def test_images_and_masks_with_classes(tmp_path, opened):
    dataset = opened(folder(tmp_path / "mine"))
    assert dataset.classes == {1: "cup", 2: "hat"}
    assert dataset.counts["b"] == {0: 4 * W, 1: W, 2: W}


def test_images_and_masks_without_classes(tmp_path, opened):
    assert opened(folder(tmp_path / "mine", classes="")).classes == {1: "1", 2: "2"}


def test_names_that_occur_twice_are_told_apart(tmp_path, opened):
    dataset = opened(folder(tmp_path / "mine", classes="null\ncup\ncup\nhat"))
    assert dataset.classes == {1: "cup (1)", 2: "cup (2)", 3: "hat"}


def test_black_and_white_masks_are_one_object(tmp_path, opened, capsys):
    photo(tmp_path / "bw/images/a.jpg")
    write(tmp_path / "bw/masks/a.png", labels(c255=2))
    dataset = opened(f"folder:{tmp_path / 'bw'}")
    assert dataset.classes == {1: "object"}
    assert dataset.mask("a", 1).sum() == 2 * W
    assert "255 is read as the object" in capsys.readouterr().err


def test_lists_beside_the_folders_are_splits(tmp_path, opened):
    root = folder(tmp_path / "mine")
    (root / "val.txt").write_text("b\n")
    assert list(opened(root).pictures) == ["b"]
    assert list(opened(root, "all").pictures) == ["a", "b", "c"]
    with pytest.raises(DataError, match=r"no split 'train'; it has val, all"):
        opened(root, "train")


def test_a_folder_per_class(tmp_path, opened):
    photo(tmp_path / "mine/cup/1.jpg")
    write(tmp_path / "mine/cup/1.png", labels(c1=2))
    photo(tmp_path / "mine/hat/1.png")
    write(tmp_path / "mine/hat/1_mask.png", labels(c255=3))
    dataset = opened(tmp_path / "mine")
    assert dataset.classes == {1: "cup", 2: "hat"}
    assert dataset.counts == {"cup/1": {0: 4 * W, 1: 2 * W}, "hat/1": {0: 3 * W, 2: 3 * W}}


def test_a_guess_is_said_and_a_kind_is_not_guessed(tmp_path, opened, capsys):
    root = voc_devkit(tmp_path / "x")
    opened(root, "val")
    assert "read as voc" in capsys.readouterr().err
    opened(f"voc:{root}", "val")
    assert capsys.readouterr().err == ""


def test_what_is_left_out_of_a_folder_is_said(tmp_path, opened):
    root = folder(tmp_path / "mine")
    photo(root / "images/lonely.jpg")
    photo(root / "images/a.png")
    write(root / "masks/other.png", labels(c1=1))
    with pytest.warns(AsgnetWarning) as said:
        opened(root)
    told = [str(one.message) for one in said if issubclass(one.category, AsgnetWarning)]
    assert any("a picture or a mask alone, 2 in all: lonely, other." in one for one in told)
    assert any("a.png' counts, not a.jpg: both have one stem." in one for one in told)


def test_the_hash_knows_names_and_pixels_and_nothing_else(tmp_path, opened):
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two", classes="")
    first = opened(one).hash
    assert first == opened(two).hash
    write(two / "masks/c.png", labels(c1=1))
    assert first != opened(two).hash


def test_the_index_is_counted_once_and_only_what_changed_again(tmp_path, opened, monkeypatch):
    root = folder(tmp_path / "mine")
    first = opened(root)
    read, real = [], index.read_item_labels
    monkeypatch.setattr(index, "read_item_labels", lambda item: read.append(item.name) or real(item))
    assert opened(root).counts == first.counts
    assert read == []
    write(root / "masks/b.png", labels(c2=6))
    assert opened(root).counts["b"] == {2: H * W}
    assert read == ["b"]


@pytest.mark.skipif(os.name == "nt", reason="there a file has no time of its last change")
def test_the_index_knows_other_bytes_of_the_same_size_and_time(tmp_path, opened, monkeypatch):
    root = folder(tmp_path / "mine")
    file = root / "masks/b.png"
    write(file, labels(c1=6))
    first, before = opened(root), file.stat()
    write(file, labels(c2=6))
    assert file.stat().st_size == before.st_size
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = opened(root)
    assert (first.counts["b"], second.counts["b"]) == ({1: H * W}, {2: H * W})
    monkeypatch.setattr(index, "read_item_labels", None)  # touched, but not changed: not read as labels
    os.utime(file)
    assert opened(root).counts == second.counts


def test_a_damaged_cache_is_counted_again(tmp_path, opened):
    root = folder(tmp_path / "mine")
    first = opened(root)
    (file,) = (tmp_path / "cache").glob("index-*.json")
    file.write_text(file.read_text()[:40])
    assert opened(root).hash == first.hash


def test_an_unwritable_cache_only_costs_time(tmp_path, capsys):
    root = folder(tmp_path / "mine")
    (tmp_path / "file").write_text("")
    dataset = open_dataset(root, cache_dir=tmp_path / "file" / "cache", workers=1)
    assert len(dataset.pictures) == 3
    assert "not kept" in capsys.readouterr().err


def test_two_processes_count_what_one_counts(tmp_path, opened, monkeypatch):
    root = folder(tmp_path / "mine")
    alone = opened(root)
    monkeypatch.setattr(index, "WORTH_A_POOL", 1)
    together = open_dataset(root, cache_dir=tmp_path / "other", workers=2)
    assert together.counts == alone.counts


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert index.cache_folder() == tmp_path / "asgnet"


@pytest.mark.parametrize(
    ("spec", "split", "said"),
    [
        ("voc:{}/nowhere", None, r"There is no '.*nowhere'; a dataset is given as voc:PATH"),
        ("voc:{}/empty", None, r"no VOC 2012 devkit: it needs JPEGImages/.*get it from http"),
        ("coco2014:{}/empty", "train", r"lacks annotations/instances_train2014\.json; get it from"),
        ("coco2017:{}/empty", "test", r"no split 'test'; it has train, val, all"),
        ("fss1000:{}/empty", "test", r"lacks 240 of 240 class folders .*get it from"),
        ("{}/empty", None, r"no dataset that asgnet knows"),
        ("folder:{}/text.json", None, r"cannot be read as JSON"),
        ("folder:{}/list.json", None, r"no COCO instance file"),
        ("folder:{}/lonely", None, r"no picture in images/ whose mask"),
    ],
)
def test_what_is_missing_is_named(tmp_path, opened, spec, split, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "list.json").write_text("[]")
    photo(tmp_path / "lonely/images/a.jpg")
    (tmp_path / "lonely/masks").mkdir()
    with pytest.raises(DataError, match=said):
        opened(spec.format(tmp_path), split)


def test_a_listed_picture_without_labels_is_named(tmp_path, opened):
    root = voc_devkit(tmp_path / "v")
    (root / "SegmentationClass/2007_c.png").unlink()
    with pytest.raises(DataError, match=r"1 of 2 pictures or their labels \(the first is '2007_c'\)"):
        opened(f"voc:{root}", "val")


def test_a_value_without_a_class_is_named(tmp_path, opened):
    root = folder(tmp_path / "mine")
    write(root / "masks/c.png", labels(c9=1))
    with pytest.raises(DataError, match=r"labels of 'c' hold value 9"):
        opened(root)


def test_a_mask_that_is_no_mask_is_named(tmp_path, opened):
    root = folder(tmp_path / "mine")
    (root / "masks/b.png").write_text("hello")
    with pytest.raises(DataError, match=r"labels of 'b' cannot be read"):
        opened(root)


def test_an_unknown_picture_is_named(tmp_path, opened):
    with pytest.raises(DataError, match="no picture named 'z'"):
        opened(folder(tmp_path / "mine")).picture("z")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the pictures for measuring are not here (ASGNET_SHARED)")
def test_the_real_ones(tmp_path, opened):
    voc, ccp, facade = (opened(SHARED / name, "all") for name in ("VOC2012", "CCP", "LabelMeFacade"))
    assert [len(d.pictures) for d in (voc, ccp, facade)] == [2700, 1003, 400]
    assert [len(d.classes) for d in (voc, ccp, facade)] == [20, 58, 8]
    name = next(iter(voc.holding(8)))
    assert (voc.labels(name) == 8).sum() == voc.pixels(name, 8)
    assert len(opened(SHARED / "VOC2012", "train").pictures) == 2255
