"""Folders and stores with nothing in them: said once."""

from __future__ import annotations

import uuid
import warnings

import pytest

from asgnet.data.listing import list_sources
from asgnet.errors import AsgnetWarning, UsageError


@pytest.fixture
def nothing(tmp_path):
    """An empty folder, and a pattern in a store that fits nothing."""
    (tmp_path / "empty").mkdir()
    return str(tmp_path / "empty"), f"memory://{uuid.uuid4().hex}/*.png"


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_nothing_anywhere_is_an_error_and_no_warning(nothing, which):
    wanted = [nothing[i] for i in which]
    with warnings.catch_warnings():
        warnings.simplefilter("error", AsgnetWarning)
        with pytest.raises(UsageError) as error:
            list_sources(wanted)
    assert all(repr(one) in str(error.value) for one in wanted)


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_in_one_of_several_is_a_warning(nothing, which, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.warns(AsgnetWarning) as said:
        assert list_sources([nothing[which], tmp_path / "a.png"]) == [tmp_path / "a.png"]
    assert [str(one.message) for one in said] == [f"No pictures in {nothing[which]!r}."]
