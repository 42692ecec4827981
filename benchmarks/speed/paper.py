"""The paper's network against the straightforward way, taken in turns: ``paper-r50``, made-up weights, 473 pixels.

python -m benchmarks.speed.paper                            seconds on an idle machine
OMP_WAIT_POLICY=passive python -m benchmarks.speed.paper --cpu-time    on a busy one: this process's work alone
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from benchmarks.common import arguments, table
from benchmarks.speed.measure import interleaved, threads

from benchmarks.speed import work

HEAD = ["", "ours", "plain", "ours / plain", "largest difference of a probability"]


def rows(clock: Callable[[], float] = time.perf_counter, rounds: int = 5) -> list[list[str]]:
    """One line each: an episode of one shot, of five, and a query whose supports are fitted."""
    found = []
    for name, job in (
        ("1-shot episode", work.paper_episode(1)),
        ("5-shot episode", work.paper_episode(5)),
        ("predict after fit", work.paper_predict()),
    ):
        with torch.inference_mode():
            took = interleaved(job._asdict(), rounds, clock)
            difference = float((job.ours().softmax(1) - job.plain().softmax(1)).abs().max())
        seconds = [f"{took[which]:.2f} s" for which in ("ours", "plain")]
        found.append([name, *seconds, f"{took['ours'] / took['plain']:.2f}", f"{difference:.0e}"])
    return found


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument(
        "--cpu-time", action="store_true", help="count this process's work, not the wall's seconds"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    with threads(given.threads):
        print(table(HEAD, rows(time.process_time if given.cpu_time else time.perf_counter, given.rounds)))


if __name__ == "__main__":
    main()
