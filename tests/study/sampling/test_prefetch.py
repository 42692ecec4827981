"""Making things ahead: in order, and errors arrive as they are."""

import pytest

from asgnet.errors import PictureError
from asgnet.study.sampling.prefetch import in_processes, in_thread


def square(n):
    if n == 7:
        raise PictureError("seven is broken")
    return n * n


@pytest.mark.parametrize(
    "ahead",
    [in_thread, lambda make, ns: in_processes(make, ns, 0), lambda make, ns: in_processes(make, ns, 2)],
)
def test_order_and_errors(ahead):
    assert list(ahead(square, range(3, 6))) == [9, 16, 25]
    assert list(ahead(square, range(0))) == []
    made = []
    with pytest.raises(PictureError) as raised:
        made.extend(ahead(square, range(5, 10)))
    assert made == [25, 36]
    assert str(raised.value) == "seven is broken"
