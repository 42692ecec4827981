"""Lists of class names."""

import pytest

from asgnet.data.names import names_near, read_names
from asgnet.errors import DataError


@pytest.mark.parametrize(
    ("file", "text", "classes"),
    [
        ("classes.txt", "background\nmug\ngrey  cat\n", ("mug", "grey cat")),
        ("classes.txt", "\ufeffmug\r\nчашка\r\nа/б\r\n", ("mug", "чашка", "а/б")),
        ("classes.txt", "# ours\nbackground\n#1 bolt\n# 2\n", ("#1 bolt", "# 2")),
        ("classes.txt", "#1 bolt\nmug\n", ("#1 bolt", "mug")),
        ("data.yaml", "names:\n  0: mug\n  1: cat\n", ("mug", "cat")),
        ("data.yaml", "names: [mug, 5]\n", ("mug", "5")),
        ("data.yaml", "names: {'0': mug, '1': cat}\n", ("mug", "cat")),
        ("data.yaml", "names: {0: mug, 2: cat}\n", ("mug", "class 1", "cat")),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nmug:128,0,0::\n", ("mug",)),
    ],
)
def test_lists(tmp_path, file, text, classes):
    (tmp_path / file).write_text(text, "utf-8")
    assert read_names(tmp_path / file).classes == classes


def test_colours_of_a_label_map(tmp_path):
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\nmug:128,0,0::\n")
    assert read_names(tmp_path / "labelmap.txt").colours == ((128, 0, 0),)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("classes.txt", "\n", "names no class"),
        ("classes.txt", "background\n", "names no class"),
        ("classes.txt", "mug\nmug\n", "'mug' twice"),
        ("data.yaml", "nc: 3\n", "no 'names'"),
        ("data.yaml", "names: {-1: a}\n", "no 'names'"),
        ("data.yaml", "names: {99999999: a}\n", "no 'names'"),
        ("data.yaml", "names: !!python/object/apply:os.getcwd []\n", "no 'names'"),
        ("data.yaml", "[", "no 'names'"),
        ("labelmap.txt", "mug:red::\n", "the colour 'red'"),
    ],
)
def test_lists_that_name_nothing(tmp_path, file, text, words):
    (tmp_path / file).write_text(text, "utf-8")
    with pytest.raises(DataError, match=words):
        read_names(tmp_path / file)


def test_a_list_is_found_beside_a_file_or_above(tmp_path):
    folder = tmp_path / "masks" / "day"
    folder.mkdir(parents=True)
    assert names_near(folder / "a.png", ["classes.txt"]) is None
    (tmp_path / "masks" / "classes.txt").write_text("mug\n")
    assert names_near(folder / "a.png", ["classes.txt"]) == tmp_path / "masks" / "classes.txt"
    assert names_near(tmp_path / "a" / "b" / "c.png", ["classes.txt"]) is None
