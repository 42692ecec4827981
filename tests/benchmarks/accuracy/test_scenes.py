"""The far sets ask the same queries, whatever the number of shots."""

from benchmarks.accuracy.scenes import episodes


def test_more_shots_are_more_supports_beside_the_same_ones():
    scenes = [(number, number) for number in range(16)]
    one, five = (list(episodes(scenes, shots, 4)) for shots in (1, 5))
    for (query, supports), (same, more) in zip(one, five, strict=True):
        assert query == same
        assert len(supports) == 1
        assert supports == more[:1]
        assert len({same, *more}) == 6
