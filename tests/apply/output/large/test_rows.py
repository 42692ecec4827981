import os
from itertools import pairwise

import numpy as np
import pytest

from asgnet.apply.output.large.rows import CERTAIN, Belongs, RowFile
from asgnet.errors import OutputError

rng = np.random.default_rng(0)
FOUND = rng.random((2, 50, 30), np.float32)
BELONGS = Belongs("mug.jpg of a concept", (50, 30), 2)
CUTS = (0, 20, 40, 50)


def filled(path, strips, belongs=BELONGS):
    file = RowFile(path, belongs)
    for first, last in list(pairwise(CUTS))[:strips]:
        file.add(FOUND[:, first:last], np.array([0.25, last / 50], np.float32))
    return file


def whole(file):
    return np.concatenate(list(file.strips()), 1)


def test_a_probability_above_one_half_stays_above_it(tmp_path):
    above = np.nextafter(np.float32(0.5), np.float32(1))
    file = RowFile(tmp_path / "rows", Belongs("x", (1, 4), 1))
    file.add(np.array([[[0, 0.5, above, 1]]], np.float32), np.ones(1, np.float32))
    assert whole(file).tolist() == [[[0, CERTAIN // 2, CERTAIN // 2 + 1, CERTAIN]]]


def test_rows_come_back(tmp_path):
    file = filled(tmp_path / "rows", 3)
    assert file.done == 50
    assert (whole(file) == np.ceil(FOUND * np.float32(CERTAIN))).all()
    file.close(remove=True)
    assert not list(tmp_path.iterdir())


def test_finished_rows_are_there_again_and_the_others_follow(tmp_path):
    filled(tmp_path / "rows", 2).close()
    file = RowFile(tmp_path / "rows", BELONGS)
    assert file.done == 40
    assert file.presence.tolist() == [0.25, np.float32(0.8)]
    file.add(FOUND[:, 40:], np.ones(2, np.float32))
    filled(tmp_path / "unbroken", 3)
    np.testing.assert_array_equal(whole(file), whole(RowFile(tmp_path / "unbroken", BELONGS)))


@pytest.mark.parametrize("cut", [1, 20, 40, 500])
def test_what_was_half_written_is_done_again(tmp_path, cut):
    filled(tmp_path / "rows", 2).close()
    os.truncate(tmp_path / "rows", os.path.getsize(tmp_path / "rows") - cut)
    file = RowFile(tmp_path / "rows", BELONGS)
    assert file.done == 20
    file.add(FOUND[:, 20:40], np.ones(2, np.float32))
    np.testing.assert_array_equal(whole(file), np.ceil(FOUND[:, :40] * np.float32(CERTAIN)))


def test_a_flipped_bit_counts_as_not_done(tmp_path):
    filled(tmp_path / "rows", 2).close()
    data = bytearray((tmp_path / "rows").read_bytes())
    data[-5] ^= 1
    (tmp_path / "rows").write_bytes(data)
    assert RowFile(tmp_path / "rows", BELONGS).done == 20


@pytest.mark.parametrize(
    "other", [BELONGS._replace(key="y"), BELONGS._replace(size=(50, 31)), BELONGS._replace(classes=1)]
)
def test_rows_of_something_else_are_not_taken(tmp_path, other):
    filled(tmp_path / "rows", 2).close()
    assert RowFile(tmp_path / "rows", other).done == 0
    assert RowFile(tmp_path / "rows", BELONGS).done == 0


def test_a_link_is_not_followed_and_a_full_disk_is_one_sentence(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "rows").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match="cannot be written"):
        RowFile(tmp_path / "rows", BELONGS)
    assert (tmp_path / "mine").read_text() == "mine"
