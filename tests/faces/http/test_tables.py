"""Objects counted and measured over HTTP: what the library says of the same picture."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from skimage.draw import disk

import asgnet
from asgnet.apply.segmenter import Segmenter


def sheet(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Red discs in touching pairs on grey noise, and their numbers."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((120, 160), np.uint8)
    for number, row in enumerate((25, 60, 95)):
        column = rng.integers(30, 100)
        labels[disk((row, column), 12, shape=labels.shape)] = 2 * number + 1
        labels[disk((row, column + 23), 12, shape=labels.shape)] = 2 * number + 2
    picture = rng.integers(90, 140, (*labels.shape, 3)).astype(np.uint8)
    picture[labels > 0] = (220, 30, 30)
    return picture, labels


def png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def counted(client, finish):
    """The id of a finished job of two sheets and a broken picture."""
    files = [
        ("images", ("s.png", png(sheet(0)[0]))),
        ("masks", ("m.png", png((sheet(0)[1] > 0).astype(np.uint8)))),
    ]
    concept = client.post("/v1/concepts", data={"name": "disc"}, files=files).json()
    pictures = [("pictures", (f"p{i}.png", png(sheet(i)[0]))) for i in (1, 2)]
    pictures.append(("pictures", ("broken.png", b"no picture")))
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=pictures).json()["id"]
    finish(client, job)
    return job


def test_a_picture_s_objects_are_those_of_the_library(client, counted, segmenter):
    said = client.get(f"/v1/jobs/{counted}/results/0/objects").json()
    own = segmenter.with_backend(segmenter.backend)
    own.fit(sheet(0)[0], sheet(0)[1] > 0)
    expected = asgnet.measure(own.predict(sheet(1)[0]), sheet(1)[0], name="p1.png")
    assert [row["area"] for row in said["objects"]] == [row["area"] for row in expected.objects]
    assert said["classes"][0]["count"] == len(said["objects"]) == len(expected.objects)
    assert said["objects"][0]["mean_red"] > 200
    assert said["objects"][0]["unit"] == "px"


def test_touching_objects_are_separated_as_the_concept_learned_it(client, finish, tmp_path):
    """The masks of the server's examples have no numbers; a concept that came as a file does."""
    examples = [sheet(seed) for seed in range(3)]
    taught = Segmenter.from_pretrained().fit([p for p, _ in examples], [m for _, m in examples])
    taught.concept.save(tmp_path / "disc.concept")
    file = {"file": ("disc.concept", (tmp_path / "disc.concept").read_bytes())}
    concept = client.post("/v1/concepts/file", files=file).json()
    pictures = [("pictures", ("p9.png", png(sheet(9)[0])))]
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=pictures).json()["id"]
    finish(client, job)
    (row,) = client.get(f"/v1/jobs/{job}/results/0/objects").json()["classes"]
    assert row["count"] == 6


def test_an_object_s_pixels(client, counted):
    base = f"/v1/jobs/{counted}/results/0/objects"
    (first, *others) = client.get(base).json()["objects"]
    mask = np.asarray(Image.open(io.BytesIO(client.get(f"{base}/1.png").content)))
    assert (mask > 0).sum() == first["area"]
    assert np.argwhere(mask).min(0).tolist() == [first["box_y"], first["box_x"]]
    assert client.get(f"{base}/{len(others) + 2}.png").status_code == 404


def test_objects_follow_the_threshold_and_have_units(client, counted):
    base = f"/v1/jobs/{counted}/results/0/objects"
    (low,), (high,) = (client.get(base, params={"threshold": t}).json()["classes"] for t in (0.1, 0.9))
    assert low["total_area"] > high["total_area"] > 0
    (half,) = client.get(base, params={"threshold": 0.1, "pixel_size": "0.5um"}).json()["classes"]
    assert half["total_area"] == pytest.approx(low["total_area"] / 4)
    assert half["unit"] == "um"
    assert client.get(base, params={"pixel_size": "3 parsecs"}).status_code == 422


def test_tables_are_csv_of_all_pictures(client, counted):
    def rows(name: str, **params) -> list[dict[str, str]]:
        answer = client.get(f"/v1/jobs/{counted}/{name}.csv", params=params)
        assert answer.headers["content-disposition"].endswith(f'{name}.csv"')
        return list(csv.DictReader(io.StringIO(answer.text)))

    counts = rows("counts")
    assert [row["picture"] for row in counts] == ["p1.png", "p2.png"]
    objects = rows("measures")
    assert len(objects) == sum(int(row["count"]) for row in counts) > 0
    assert float(rows("counts", threshold=0.9)[0]["total_area"]) < float(counts[0]["total_area"])
    assert (
        client.get(f"/v1/jobs/{counted}/measures.csv", params={"pixel_size": "3 parsecs"}).status_code == 422
    )


def test_what_is_not_there_is_said(client, counted):
    assert client.get(f"/v1/jobs/{counted}/results/2/objects").status_code == 409  # it failed
    assert client.get(f"/v1/jobs/{counted}/results/7/objects").status_code == 404
    assert client.get(f"/v1/jobs/{counted}/prices.csv").status_code in (404, 422)


def test_a_picture_that_is_gone_has_a_row_without_numbers(client, counted):
    client.app.state.service.jobs.files(counted, 0).picture.unlink()
    assert client.get(f"/v1/jobs/{counted}/results/0/objects").status_code in (404, 410, 422)
    lines = client.get(f"/v1/jobs/{counted}/counts.csv").text.splitlines()
    assert lines[1].startswith("p1.png,,,")
    assert lines[2].startswith("p2.png,object,")
