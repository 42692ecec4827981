"""A large picture's files say what those of the same picture in memory say."""

import io
import json
import re

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from asgnet.apply.inference.postprocess import postprocess
from asgnet.apply.inference.prediction import merge_classes
from asgnet.apply.output.formats import ENTRIES, WRITERS
from asgnet.apply.output.large import result as large_result
from asgnet.apply.output.large.files import LARGE_ENTRIES, NEVER, check_kinds, coarse, write_large
from asgnet.apply.output.large.result import Decision, LargeResult
from asgnet.apply.output.large.rows import Belongs, RowFile
from asgnet.apply.output.objects import ResultView, without_specks
from asgnet.apply.output.save import described
from asgnet.data.folder import LocalFolder
from asgnet.data.read import ArrayParts
from asgnet.errors import AsgnetWarning, OutputError, UsageError
from asgnet.types import Prediction

NAMES = ("mug", "cat")
PRESENCE = np.array([0.9, 0.3], np.float32)


def probabilities(seed, size, classes):
    """``n h w`` with blobs and specks."""
    rng = np.random.default_rng(seed)
    coarse_ = rng.random((classes, 5, 6), np.float32)
    found = [np.asarray(Image.fromarray(one).resize(size[::-1], 2)) for one in coarse_]
    return np.stack(found).clip(0, 1) * (rng.random((classes, *size)) > 0.03)


AS_FOUND = Decision()


def both(folder, found, decision=AS_FOUND, cuts=(7, 20)):
    """The results of a large picture and of the same one in memory."""
    n, height, width = found.shape
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    rows = RowFile(folder / "rows", Belongs(str(folder), (height, width), n))
    for strip in np.split(found, [cut for cut in cuts if cut < height], axis=1):
        rows.add(strip.astype(np.float32), PRESENCE[:n])
    names = NAMES[:n]
    large = LargeResult(rows, ArrayParts(picture), names, decision, {}, "a.jpg")
    ones = {
        name: Prediction(
            one > 0.5, one.astype(np.float32), float(here), np.zeros_like(one, np.int32), (name,)
        )
        for name, one, here in zip(names, found, PRESENCE, strict=False)
    }
    whole = merge_classes(ones) if n > 1 else ones[names[0]]
    whole = without_specks(postprocess(whole, decision.threshold, decision.absent), decision.least)
    return large, ResultView(whole, picture, "a.jpg", apart=True)


def read(kind, data):
    if kind in ("yolo", "labelme", "geojson"):
        return data.decode()
    array = np.asarray(tifffile.imread(io.BytesIO(data)) if kind == "tiff" else Image.open(io.BytesIO(data)))
    return array.astype(int)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    size=st.tuples(st.integers(3, 40), st.integers(3, 40)),
    classes=st.integers(1, 2),
    decision=st.builds(
        Decision,
        st.sampled_from([None, 0.3, 0.7]),
        st.sampled_from(["mark", "empty"]),
        st.sampled_from([0, 3]),
    ),
)
def test_all_files_and_entries_are_those_of_the_whole(tmp_path_factory, seed, size, classes, decision):
    folder = tmp_path_factory.mktemp("large")
    large, whole = both(folder, probabilities(seed, size, classes), decision)
    for kind in sorted(set(WRITERS) - {"overlay", "imagej"}):
        write_large(large, LocalFolder(folder), kind, kind)
        found, true = read(kind, (folder / kind).read_bytes()), read(kind, WRITERS[kind](whole))
        if kind == "probability":
            assert abs(found - true).max() <= 2
        elif kind in ("labelme", "geojson"):
            same(
                json.loads(re.sub(r"score [.0-9]+", "", found)),
                json.loads(re.sub(r"score [.0-9]+", "", true)),
            )
        else:
            np.testing.assert_array_equal(found, true)
    for form, entry in LARGE_ENTRIES.items():
        same(entry(large), ENTRIES[form](whole))
    said, found = described(whole), large.described(instances=True)
    if classes > 1:  # there the confidence is that of the most probable class, be it absent
        for key in ("confidence", "uncertainty"):
            del found[key], said[key]
    same(found, said)


def same(found, true):
    """Equal, but for roundings of probabilities."""
    if isinstance(true, dict):
        assert found.keys() == true.keys()
        for key in true:
            same(found[key], true[key])
    elif isinstance(true, list):
        assert len(found) == len(true)
        for one, other in zip(found, true, strict=True):
            same(one, other)
    else:
        assert found == (pytest.approx(true, abs=1e-4) if isinstance(true, float) else true)


def test_the_overlay_is_that_of_a_coarse_look(tmp_path):
    large, whole = both(tmp_path, probabilities(0, (60, 80), 1))
    picture, mask = coarse(large, side=40)
    assert picture.shape == (30, 40, 3)
    np.testing.assert_array_equal(mask, whole.prediction.mask[1::2, 1::2])
    write_large(large, LocalFolder(tmp_path), "overlay", "x.jpg")
    assert Image.open(tmp_path / "x.jpg").size == (80, 60)


def test_a_huge_piece_is_in_the_mask_and_the_counts_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(large_result, "MOST_BOX", 100)
    found = np.zeros((1, 30, 30))
    found[0, :20] = found[0, 25:28, :3] = 0.9
    large, _ = both(tmp_path, found)
    with pytest.warns(AsgnetWarning, match="1 objects whose boxes .* are in the mask alone"):
        assert [one.area for one in large.objects] == [9]
    assert LARGE_ENTRIES["counts"](large)["rows"][0]["count"] == 2


def test_too_many_objects_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(large_result, "MOST_BOXES", 100)
    large, _ = both(tmp_path, np.full((1, 30, 30), 0.9))
    with pytest.raises(OutputError, match="1 objects, too many for files of outlines"):
        _ = large.objects


def test_what_is_never_written_is_said_before_any_work():
    for kind in NEVER:
        with pytest.raises(UsageError, match="too large for"):
            check_kinds("a.jpg", {"png", kind})
    check_kinds("a.jpg", set(LARGE_ENTRIES) | {"png", "overlay"})
