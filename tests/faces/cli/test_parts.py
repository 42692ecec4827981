from asgnet.faces.cli.parts import PartsSaid


def test_how_far_a_large_picture_is_is_said_now_and_then():
    times, lines = iter([0, 10, 100, 110, 200, 7400, 7410, 7500]), []
    said = PartsSaid(lines.append, lambda: next(times))
    for part in (0.1, 0.11, 0.2, 0.21, 0.3, 0.9):
        said("a.tif", part)
    said("b.tif", 0.5)
    said("b.tif", 0.6)
    assert lines == [
        "a.tif: 20 % segmented, 13 min left",
        "a.tif: 30 % segmented, 12 min left",
        "a.tif: 90 % segmented, 15 min left",
        "b.tif: 60 % segmented, 6 min left",
    ]
