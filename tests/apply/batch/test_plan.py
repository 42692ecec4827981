"""Tasks: every picture and frame once, each with a name and a stem of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from asgnet.apply.batch.keys import run_key
from asgnet.apply.batch.plan import PictureTask, RunOptions, groups, planned
from asgnet.apply.concept.file import Concept
from asgnet.data.folder import folder_at
from asgnet.errors import AsgnetWarning, UsageError


def plan(pictures, options=None):
    return planned(pictures, options or RunOptions(), folder_at("out"))


def framed(picture: str, frame: int | None) -> PictureTask:
    return PictureTask(picture, "", "", {}, {}, frame)


def animated(path, count):
    frames = [Image.new("L", (4, 4), 20 * i) for i in range(count)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return str(path)


def test_pictures_and_frames(tmp_path):
    clip, still = animated(tmp_path / "clip.gif", 3), str(tmp_path / "still.jpg")
    tasks = plan([clip, still, f"file://{still}"], RunOptions(every=2))
    assert [(task.stem, task.frame) for task in tasks] == [
        ("clip_000000", 0), ("clip_000002", 2), ("still.jpg", None), ("still.jpg_2", None),
    ]  # fmt: skip
    assert tasks[0].name == f"{clip}#000000"
    assert tasks[3].picture == still


def test_a_frame_and_a_picture_of_its_name_do_not_meet(tmp_path):
    clip = animated(tmp_path / "clip.gif", 2)
    tasks = plan([clip, tmp_path / "clip_000001.png"])
    assert len({task.stem for task in tasks}) == 3


def test_stems_of_addresses():
    tasks = plan(["s3://bucket/a/x.jpg", "s3://bucket/b/x.jpg"])
    assert [task.stem for task in tasks] == ["a/x", "b/x"]
    assert [task.name for task in tasks] == ["s3://bucket/a/x.jpg", "s3://bucket/b/x.jpg"]
    mixed = plan(["s3://bucket/x.jpg", "gs://bucket/../x.jpg", "/home/x.jpg"])
    assert [task.stem for task in mixed] == ["s3/bucket/x", "gs/bucket/x", "home/x"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(0, 5)), max_size=40), st.integers(1, 5)
)
def test_groups_hold_every_task_once_in_order(pairs, most):
    tasks = [framed(path, frame) for path, frame in pairs]
    made = list(groups(tasks, most))
    assert [one for group in made for one in group] == tasks
    for group in made:
        assert len(group) <= most or all(task.frame is not None for task in group)


def test_frames_of_a_file_stay_together():
    tasks = [framed("a", i) for i in range(9)] + [framed(f"{i}", None) for i in range(3)]
    assert [len(group) for group in groups(tasks, 2)] == [9, 2, 1]


def test_the_key_tells_what_is_in_the_files():
    concept = Concept(("object",), {}, "a stand-in")
    options = [RunOptions(), RunOptions(threshold=0.5), RunOptions(absent="empty"), RunOptions(instances=True),
               RunOptions(min_area=3), RunOptions(min_area="3um2"), RunOptions(simplify=1)]  # fmt: skip
    assert len({run_key(concept, one) for one in options}) == len(options)
    other = RunOptions(("coco",), overlay=True, report=True, every=2, workers=3)
    assert run_key(concept, other) == run_key(concept, RunOptions())
    assert run_key(concept, RunOptions(min_area="0")) == run_key(concept, RunOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_area": -1}, "An area is a number of pixels"),
        ({"min_area": "20 acres"}, "An area is a number of pixels"),
        ({"simplify": float("nan")}, "simplify"),
        ({"every": 0}, "At least 1"),
        ({"executor": "spark"}, "no engine 'spark'"),
        ({"formats": ("png", "bmp")}, "no format 'bmp'"),
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"absent": "guess"}, "'mark' or 'empty'"),
    ],
)
def test_options_are_checked_when_they_are_made(options, message):
    with pytest.raises(UsageError, match=message):
        RunOptions(**options)


def test_files_of_a_task(tmp_path):
    options = RunOptions(("png", "voc"), overlay=True, explain=True)
    (task,) = plan(["a/b.jpg"], options)
    assert list(task.outputs.values()) == [
        "b_explained.png", "b_overlay.jpg", "SegmentationObject/b.png", "SegmentationClass/b.png", "b.png",
    ]  # fmt: skip
    assert task.missing == task.outputs
    assert not task.resumed


def test_results_are_no_pictures(tmp_path):
    folder = folder_at(tmp_path)
    with pytest.warns(AsgnetWarning, match="1 of 2 files"):
        (task,) = planned([tmp_path / "a.jpg", tmp_path / "a.png"], RunOptions(), folder, {"a.png"})
    assert task.picture == str(tmp_path / "a.jpg")
    with pytest.raises(UsageError, match="are results"):
        planned([tmp_path / "a.png"], RunOptions(), folder, {"a.png"})
