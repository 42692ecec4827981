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

from asgnet.apply.batch.keys import fingerprint
from asgnet.apply.batch.run import segment_all
from asgnet.apply.batch.run_files import RUN_FILES
from asgnet.apply.concept.file import Concept
from asgnet.data.results import MANIFEST
from asgnet.errors import OutputError, UsageError
from asgnet.types import Prediction

COCO_FILE = RUN_FILES["coco"]


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
    planned = []
    summary = segment_all(Segmenter(), photos, out, on_result=results.append, on_planned=planned.append)
    assert planned == [5]
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


@pytest.mark.parametrize("name", ["1.jpg", "1.gif"])
def test_a_named_pipe_is_a_broken_picture(photos, out, pipes, name):
    photos[1] = pipes(photos[1].with_name(name))
    summary = segment_all(Segmenter(), photos, out)
    assert summary.done == 4
    assert "is a pipe or a device" in summary.failed[0][1]


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


def test_pictures_are_never_their_own_output(photos):
    before = tree(photos[0].parent)
    with pytest.raises(OutputError, match="one of the pictures"):
        segment_all(Segmenter(), photos, photos[0].parent, overwrite=True)
    assert {k: v for k, v in tree(photos[0].parent).items() if k != MANIFEST} == before


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
from test_run import Segmenter
from asgnet.apply.batch.run import segment_all

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
        for path in out.glob("[!.]*.png"):  # a hidden one may be half-written
            assert np.asarray(Image.open(path)).shape == (12, 16)
        done = sum(json.loads(x)["event"] == "done" for x in (out / MANIFEST).read_text().splitlines())
        assert finished < done < 24
        finished = done
    segmenter = Segmenter()
    summary = segment_all(segmenter, photos, out)
    assert summary.skipped >= finished
    assert segmenter.seen == 24 - summary.skipped
    clean = tmp_path / "clean"
    segment_all(Segmenter(), photos, clean)
    assert {k: v for k, v in tree(out).items() if k != MANIFEST} == {
        k: v for k, v in tree(clean).items() if k != MANIFEST
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


EVERYTHING = ("png", "probability", "cutout", "instances", "coco", "coco-polygons", "yolo", "voc", "labelme",
              "labelstudio")  # fmt: skip


def test_all_formats_in_one_run_and_again_nothing_to_do(photos, out):
    options = {"formats": EVERYTHING, "overlay": True, "report": True, "instances": True}
    first = segment_all(Segmenter(), photos, out, **options)
    assert first.done == 5
    assert sorted(Path(p).relative_to(out).as_posix() for p in first.collected) == [
        "ImageSets/Segmentation/default.txt", "annotations.json", "annotations_polygons.json",
        "label_studio.json", "report.html",
    ]  # fmt: skip
    before = {k: v for k, v in tree(out).items() if k != MANIFEST}
    segmenter = Segmenter()
    assert segment_all(segmenter, photos, out, **options).skipped == 5
    assert segmenter.seen == 0
    assert {k: v for k, v in tree(out).items() if k != MANIFEST} == before


def test_fewer_formats_later_need_nothing_new(photos, out):
    segment_all(Segmenter(), photos, out, formats=("png", "coco"))
    segmenter = Segmenter()
    assert segment_all(segmenter, photos, out, formats=("coco",)).skipped == 5
    assert segmenter.seen == 0


def test_other_pieces_are_another_result(photos, out):
    segment_all(Segmenter(), photos, out)
    with pytest.raises(OutputError, match="--overwrite"):
        segment_all(Segmenter(), photos, out, min_area=100)
    assert segment_all(Segmenter(), photos, out, min_area=100, overwrite=True).absent == 5


def test_json_counts_the_objects(tmp_path, out):
    image = np.zeros((12, 16, 3), np.uint8)
    image[2:5, 2:5] = image[8:10, 10:14] = image[11, 0] = 200
    Image.fromarray(image).save(tmp_path / "a.png")
    results = []
    segment_all(Segmenter(), [tmp_path / "a.png"], out, instances=True, min_area=2, on_result=results.append)
    assert [o["box"] for o in results[0].record["objects"]] == [[2, 2, 3, 3], [10, 8, 4, 2]]
    assert np.asarray(Image.open(out / "a.png")).sum() == 255 * 17


def test_the_frames_of_an_animation_are_pictures(tmp_path, out):
    frames = [Image.fromarray(np.full((12, 16, 3), value, np.uint8)) for value in (0, 120, 240, 60)]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])
    picture(tmp_path / "still.png")
    results, sources = [], [tmp_path / "clip.gif", tmp_path / "still.png"]
    summary = segment_all(Segmenter(), sources, out, formats=("png", "coco"), on_result=results.append)
    assert summary.done == 5
    assert [r.record.get("frame") for r in results] == [0, 1, 2, 3, None]
    found = [np.asarray(Image.open(out / f"clip_{i:06}.png")).mean() for i in range(4)]
    assert found == [0, 255, 255, 0]
    names = [image["file_name"] for image in json.loads((out / COCO_FILE).read_text())["images"]]
    assert len(set(names)) == 5
    segmenter = Segmenter()
    assert segment_all(segmenter, sources, out, formats=("png", "coco")).skipped == 5
    assert segmenter.seen == 0
    assert segment_all(Segmenter(), sources, out.with_name("second"), every=3).done == 3
    assert sorted(p.name for p in out.with_name("second").glob("*.png")) == [
        "clip_000000.png", "clip_000003.png", "still.png",
    ]  # fmt: skip


def test_a_video_that_cannot_be_read_is_one_failure(tmp_path, photos, out):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    summary = segment_all(Segmenter(), [*photos, tmp_path / "a.mp4"], out)
    assert summary.done == 5
    assert "a.mp4" in summary.failed[0][1]


def test_a_touched_picture_is_not_done_again(photos, out):
    segment_all(Segmenter(), photos, out)
    os.utime(photos[0], (1, 1))
    assert segment_all(Segmenter(), photos, out).skipped == 5


def test_from_store_to_store_and_on_after_a_stop(photos):
    import uuid

    import fsspec

    root = f"memory://{uuid.uuid4().hex}"
    for path in photos:
        with fsspec.open(f"{root}/photos/{path.name}", "wb") as stream:
            stream.write(path.read_bytes())
    addresses = [f"{root}/photos/{path.name}" for path in photos]

    class Stopping(Segmenter):
        def predict(self, image):
            if self.seen == 3:
                raise KeyboardInterrupt
            return super().predict(image)

    with pytest.raises(KeyboardInterrupt):
        segment_all(Stopping(), addresses, f"{root}/masks", formats=("png", "coco"), report=True)
    segmenter = Segmenter()
    summary = segment_all(segmenter, addresses, f"{root}/masks", formats=("png", "coco"), report=True)
    assert summary.failed == []
    assert summary.done + summary.skipped == 5
    assert segmenter.seen == summary.done < 5
    store = fsspec.filesystem("memory")
    inside = store._strip_protocol(f"{root}/masks")
    names = sorted(p.removeprefix(inside + "/") for p in store.find(inside))
    assert names == [*(f"{i}.png" for i in range(5)), "annotations.json", MANIFEST, "report.html"]
    with fsspec.open(f"{root}/masks/annotations.json") as stream:
        assert len(json.load(stream)["images"]) == 5
    with fsspec.open(f"{root}/masks/3.png") as stream:
        assert np.asarray(Image.open(stream)).sum() == 255 * 6 * 8
    again = Segmenter()
    assert segment_all(again, addresses, f"{root}/masks", formats=("png", "coco"), report=True).skipped == 5
    assert again.seen == 0


def test_what_lies_in_a_store_and_is_not_ours_stays(photos):
    import uuid

    import fsspec

    root = f"memory://{uuid.uuid4().hex}"
    with fsspec.open(f"{root}/2.png", "wb") as stream:
        stream.write(b"precious")
    with pytest.raises(OutputError, match=r"2\.png"):
        segment_all(Segmenter(), photos, root)


@pytest.mark.parametrize("name", ["cat/dog", "猫", 'a "b": c', "../up"])
def test_names_of_classes_never_become_names_of_files(photos, out, name):
    class Named(Segmenter):
        def __init__(self):
            super().__init__()
            self.concept = replace(self.concept, classes=(name,))

        def predict(self, image):
            return replace(super().predict(image), classes=(name,))

    assert segment_all(Named(), photos, out, formats=EVERYTHING).done == 5
    assert json.loads((out / COCO_FILE).read_text())["categories"] == [{"id": 1, "name": name}]
    assert not [p for p in tree(out) if name in p]


def test_a_read_only_folder_is_one_sentence_before_any_work(photos, out, nobody):
    out.mkdir()
    out.chmod(0o555)
    segmenter = Segmenter()
    with nobody(), pytest.raises(OutputError, match="cannot write there"):
        segment_all(segmenter, photos, out)
    assert segmenter.seen == 0


def test_the_same_stems_and_mixed_sizes_and_a_broken_one_between(tmp_path, out):
    sizes = [(9, 7), (40, 3), (1, 1), (5, 60)]
    paths = []
    for i, (w, h) in enumerate(sizes):
        paths.append(tmp_path / f"{i}" / "same.png")
        paths[-1].parent.mkdir()
        Image.fromarray(np.full((h, w, 3), 200, np.uint8)).save(paths[-1])
    paths.insert(2, tmp_path / "broken.png")
    paths[2].write_bytes(paths[0].read_bytes()[:40])
    summary = segment_all(Segmenter(), paths, out, formats=EVERYTHING, report=True)
    assert summary.done == 4
    assert "broken.png" in summary.failed[0][1]
    assert [Image.open(out / f"{i}" / "same.png").size for i in range(4)] == sizes
