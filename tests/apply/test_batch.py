import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.batch import fingerprint, segment_all
from asgnet.apply.collect import COLLECTED
from asgnet.apply.manifest import NAME
from asgnet.errors import OutputError, UsageError
from asgnet.types import Concept, Prediction

COCO_FILE = COLLECTED["coco"]


class Segmenter:
    """A stand-in whose object is whatever is brighter than a threshold; counts its predictions."""

    supports = ()

    def __init__(self, threshold: int = 100):
        self.concept = Concept(("object",), {"threshold": np.array([threshold])}, "a stand-in")
        self.seen = 0

    def predict(self, image):
        self.seen += 1
        mask = image[..., 0] > self.concept.tensors["threshold"][0]
        guide = np.zeros(mask.shape, np.int32)
        return Prediction(mask, mask.astype(np.float32), float(mask.any()), guide)

    def superpixels(self):
        return []


def picture(path: Path, value: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((12, 16, 3), np.uint8)
    image[3:9, 4:12] = value
    Image.fromarray(image).save(path)
    return path


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    return [picture(tmp_path / "photos" / f"{i}.png", 150 + i) for i in range(5)]


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_picture_gets_its_mask_and_results_come_in_order(photos, out):
    results = []
    summary = segment_all(Segmenter(), photos, out, on_result=results.append)
    assert (summary.done, summary.skipped, summary.failed) == (5, 0, [])
    assert [r.picture for r in results] == photos
    mask = np.asarray(Image.open(out / "0.png"))
    assert mask.sum() == 255 * 6 * 8
    assert results[0].record["mask"] == str(out / "0.png")
    assert results[0].record["status"] == "done"
    assert json.dumps(results[0].record)


def test_running_again_does_nothing_and_says_the_same(photos, out):
    first, second, segmenter = [], [], Segmenter()
    segment_all(Segmenter(), photos, out, on_result=first.append)
    before = tree(out)
    summary = segment_all(segmenter, photos, out, on_result=second.append)
    assert (summary.done, summary.skipped, segmenter.seen) == (0, 5, 0)
    assert tree(out) == before
    for one, two in zip(first, second, strict=True):
        assert {**one.record, "status": ""} == {**two.record, "status": ""}


def test_a_larger_list_does_only_what_is_new_even_when_the_stems_change(photos, out, tmp_path):
    segment_all(Segmenter(), photos, out)
    other, segmenter = picture(tmp_path / "elsewhere" / "0.png"), Segmenter()
    summary = segment_all(segmenter, [*photos, other], out)
    assert (summary.done, summary.skipped, segmenter.seen) == (1, 5, 1)
    assert (out / "elsewhere" / "0.png").exists()


def test_a_broken_picture_is_reported_and_the_others_go_on(photos, out):
    photos[1].write_text("not a picture")
    photos[3].unlink()
    results = []
    summary = segment_all(Segmenter(), photos, out, on_result=results.append)
    assert summary.done == 3
    assert [p for p, _ in summary.failed] == [photos[1], photos[3]]
    assert [r.status for r in results] == ["done", "failed", "done", "failed", "done"]
    assert "1.png" in results[1].record["error"]
    assert not (out / "1.png").exists()


def test_a_failure_of_the_model_on_one_picture_is_that_picture_s(photos, out):
    class Choking(Segmenter):
        def predict(self, image):
            if image.max() == 152:
                raise RuntimeError("not enough memory")
            return super().predict(image)

    summary = segment_all(Choking(), photos, out)
    assert summary.done == 4
    assert "not enough memory" in summary.failed[0][1]


def test_foreign_files_are_refused_before_any_work(photos, out):
    out.mkdir()
    (out / "4.png").write_text("precious")
    segmenter = Segmenter()
    with pytest.raises(OutputError, match=r"4\.png"):
        segment_all(segmenter, photos, out)
    assert segmenter.seen == 0
    assert (out / "4.png").read_text() == "precious"
    summary = segment_all(segmenter, photos, out, overwrite=True)
    assert summary.done == 5
    assert (out / "4.png").read_bytes() != b"precious"


def test_results_of_another_concept_are_refused_and_replaced_on_demand(photos, out):
    segment_all(Segmenter(100), photos, out)
    before = tree(out)
    with pytest.raises(OutputError, match="--overwrite"):
        segment_all(Segmenter(250), photos, out)
    assert tree(out) == before
    segment_all(Segmenter(250), photos, out, overwrite=True)
    assert not np.asarray(Image.open(out / "0.png")).any()
    assert segment_all(Segmenter(250), photos, out).skipped == 5


def test_a_picture_that_changed_is_not_silently_skipped(photos, out):
    segment_all(Segmenter(), photos, out)
    picture(photos[2], 255)
    summary = segment_all(Segmenter(), photos, out)
    assert (summary.skipped, summary.done) == (4, 0)
    assert "changed" in summary.failed[0][1]
    assert segment_all(Segmenter(), photos, out, overwrite=True).done == 5


def test_a_deleted_result_is_made_again(photos, out):
    segment_all(Segmenter(), photos, out)
    (out / "3.png").unlink()
    assert segment_all(Segmenter(), photos, out).done == 1
    assert (out / "3.png").exists()


def test_asking_for_more_outputs_later_does_the_picture_again(photos, out):
    segment_all(Segmenter(), photos, out)
    summary = segment_all(Segmenter(), photos, out, overlay=True)
    assert summary.done == 5
    assert (out / "0_overlay.jpg").exists()


def test_pictures_are_never_their_own_output(photos):
    before = tree(photos[0].parent)
    with pytest.raises(OutputError, match="one of the pictures"):
        segment_all(Segmenter(), photos, photos[0].parent, overwrite=True)
    assert {k: v for k, v in tree(photos[0].parent).items() if k != NAME} == before


def test_coco_is_one_file_complete_also_after_a_resumed_run(photos, out):
    segment_all(Segmenter(), photos[:3], out, formats=("coco",))
    assert len(json.loads((out / COCO_FILE).read_text())["images"]) == 3
    segmenter = Segmenter()
    segment_all(segmenter, photos, out, formats=("coco",))
    assert segmenter.seen == 2
    coco = json.loads((out / COCO_FILE).read_text())
    assert [Path(i["file_name"]).name for i in coco["images"]] == [p.name for p in photos]
    assert {a["area"] for a in coco["annotations"]} == {48}


def test_coco_of_something_else_is_refused(photos, out):
    out.mkdir()
    (out / COCO_FILE).write_text("{}")
    with pytest.raises(OutputError, match=COCO_FILE):
        segment_all(Segmenter(), photos, out, formats=("coco",))


def test_explanations_are_written_beside(photos, out):
    segment_all(Segmenter(), photos[:1], out, explain=True)
    assert np.asarray(Image.open(out / "0_explained.png")).ndim == 3


def test_an_unknown_format_is_a_usage_error(photos, out):
    with pytest.raises(UsageError, match="bmp"):
        segment_all(Segmenter(), photos, out, formats=("bmp",))


@pytest.mark.parametrize("name", ["a b.png", "😀.png", "line\nbreak.png", "-dash.png", "ünï.png"])
def test_any_name_works(tmp_path, out, name):
    path = picture(tmp_path / "in" / name)
    assert segment_all(Segmenter(), [path], out).done == 1
    assert (out / name).exists()
    assert segment_all(Segmenter(), [path], out).skipped == 1


def test_a_full_disk_stops_the_run_and_leaves_nothing_half_written(photos, out, monkeypatch):
    from asgnet import files

    real = files._flush
    calls = []

    def full(path):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path)

    monkeypatch.setattr(files, "_flush", full)
    with pytest.raises(OutputError, match="full"):
        segment_all(Segmenter(), photos, out)
    assert not list(out.glob(".asgnet-*"))
    for path in out.glob("*.png"):
        Image.open(path).load()
    monkeypatch.setattr(files, "_flush", real)
    summary = segment_all(Segmenter(), photos, out)
    assert summary.done + summary.skipped == 5


def test_memory_stays_bounded_whatever_the_count(tmp_path, out):
    path = picture(tmp_path / "one.png")
    links = []
    for i in range(60):
        links.append(tmp_path / "many" / f"{i}.png")
        links[-1].parent.mkdir(exist_ok=True)
        os.link(path, links[-1])
    alive = 0
    most = 0

    class Held(np.ndarray):
        def __del__(self):
            nonlocal alive
            alive -= 1

    class Counting(Segmenter):
        def predict(self, image):
            nonlocal alive, most
            found = super().predict(image)
            alive += 1
            most = max(most, alive)
            return Prediction(found.mask, found.probability.view(Held), 1.0, found.guide)

    segment_all(Counting(), links, out)
    assert most <= 8


SLOW = """
import sys, time
sys.path.insert(0, {here!r})
from test_batch import Segmenter
from asgnet.apply.batch import segment_all

class Slow(Segmenter):
    def predict(self, image):
        time.sleep(0.03)
        return super().predict(image)

print("ready", flush=True)
segment_all(Slow(), {photos!r}, {out!r}, on_result=lambda r: print(r.status, flush=True))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("kills", [3])
def test_kill_9_at_any_moment_then_running_again_finishes_the_rest(tmp_path, out, kills):
    photos = [str(picture(tmp_path / "in" / f"{i:02}.png", 120 + i)) for i in range(24)]
    script = textwrap.dedent(SLOW).format(here=str(Path(__file__).parent), photos=photos, out=str(out))
    finished = 0
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        while process.stdout.readline() == "skipped\n":
            pass
        time.sleep(0.11)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for path in out.glob("*.png"):
            assert np.asarray(Image.open(path)).shape == (12, 16)
        done = sum(json.loads(x)["event"] == "done" for x in (out / NAME).read_text().splitlines())
        assert finished < done < 24
        finished = done
    segmenter = Segmenter()
    summary = segment_all(segmenter, photos, out)
    assert summary.skipped >= finished
    assert segmenter.seen == 24 - summary.skipped
    clean = tmp_path / "clean"
    segment_all(Segmenter(), photos, clean)
    assert {k: v for k, v in tree(out).items() if k != NAME} == {
        k: v for k, v in tree(clean).items() if k != NAME
    }


def test_the_fingerprint_tells_concepts_apart_and_is_stable():
    one, same, other = (fingerprint(Segmenter(threshold).concept) for threshold in (1, 1, 2))
    assert one == same != other


def test_the_fingerprint_survives_saving_and_loading(tmp_path):
    concept = Segmenter().concept
    concept.save(tmp_path / "saved")
    assert fingerprint(Concept.load(tmp_path / "saved")) == fingerprint(concept)


def test_an_unfitted_segmenter_is_a_usage_error(photos, out):
    segmenter = Segmenter()
    segmenter.concept = None
    with pytest.raises(UsageError, match="fit"):
        segment_all(segmenter, photos, out)


def test_another_threshold_is_another_result(photos, out):
    segment_all(Segmenter(), photos, out)
    with pytest.raises(OutputError):
        segment_all(Segmenter(), photos, out, threshold=0.9)


def test_absent_objects_are_emptied_and_counted_on_demand(photos, out):
    class Doubting(Segmenter):
        def predict(self, image):
            return replace(super().predict(image), presence=0.2)

    results = []
    summary = segment_all(Doubting(), photos, out, absent="empty", on_result=results.append)
    assert summary.absent == 5
    assert not any(r.record["present"] for r in results)
    assert not np.asarray(Image.open(out / "0.png")).any()
    assert segment_all(Doubting(), photos, out.with_name("kept")).absent == 0
