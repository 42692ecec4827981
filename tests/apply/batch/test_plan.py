"""Jobs: every picture and frame once, each with a name and a stem of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from asgnet.apply.batch.plan import Job, RunOptions, groups, planned
from asgnet.errors import UsageError


def animated(path, count):
    frames = [Image.new("L", (4, 4), 20 * i) for i in range(count)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return str(path)


def test_pictures_and_frames(tmp_path):
    clip, still = animated(tmp_path / "clip.gif", 3), str(tmp_path / "still.jpg")
    jobs = planned([clip, still, f"file://{still}"], every=2)
    assert [(job.stem, job.frame) for job in jobs] == [
        ("clip_000000", 0), ("clip_000002", 2), ("still.jpg", None), ("still.jpg_2", None),
    ]  # fmt: skip
    assert jobs[0].name == f"{clip}#000000"
    assert jobs[3].picture == still


def test_a_frame_and_a_picture_of_its_name_do_not_meet(tmp_path):
    clip = animated(tmp_path / "clip.gif", 2)
    jobs = planned([clip, tmp_path / "clip_000001.png"])
    assert len({job.stem for job in jobs}) == 3


def test_stems_of_addresses():
    jobs = planned(["s3://bucket/a/x.jpg", "s3://bucket/b/x.jpg"])
    assert [job.stem for job in jobs] == ["a/x", "b/x"]
    assert [job.name for job in jobs] == ["s3://bucket/a/x.jpg", "s3://bucket/b/x.jpg"]
    mixed = planned(["s3://bucket/x.jpg", "gs://bucket/../x.jpg", "/home/x.jpg"])
    assert [job.stem for job in mixed] == ["s3/bucket/x", "gs/bucket/x", "home/x"]


def test_every_frame_at_least():
    with pytest.raises(UsageError, match="At least 1"):
        planned([], every=0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(0, 5)), max_size=40), st.integers(1, 5)
)
def test_groups_hold_every_job_once_in_order(pairs, most):
    jobs = [Job(path, "", "", frame) for path, frame in pairs]
    made = list(groups(jobs, most))
    assert [job for group in made for job in group] == jobs
    for group in made:
        assert len(group) <= most or all(job.frame is not None for job in group)


def test_frames_of_a_file_stay_together():
    jobs = [Job("a", "", "", i) for i in range(9)] + [Job(f"{i}", "", "", None) for i in range(3)]
    assert [len(group) for group in groups(jobs, 2)] == [9, 2, 1]


def test_the_key_tells_wishes_apart():
    options = [RunOptions(), RunOptions(threshold=0.5), RunOptions(absent="empty"), RunOptions(instances=True),
              RunOptions(min_area=3), RunOptions(simplify=1)]  # fmt: skip
    assert len({one.key("concept") for one in options}) == len(options)
    assert RunOptions(overlay=True, formats=("coco",)).key("c") == RunOptions().key("c")
    with pytest.raises(UsageError, match="min_area"):
        RunOptions(min_area=-1)


def test_files_of_a_stem():
    outputs = RunOptions(("png", "voc"), overlay=True, explain=True).outputs("a/b")
    assert list(outputs.values()) == [
        "a/b_explained.png", "a/b_overlay.jpg", "SegmentationObject/a/b.png", "SegmentationClass/a/b.png",
        "a/b.png",
    ]  # fmt: skip
