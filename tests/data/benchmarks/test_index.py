"""Counting in processes: what they say, and how they end."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import signal
from asgnet.data.benchmarks.index import WORTH_A_POOL, parallel

class Terminated(BaseException):
    pass

def terminate(number, frame):  # as the command line has it
    raise Terminated

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminate)
    words = ["a" * n for n in range(2 * WORTH_A_POOL)]
    assert list(parallel(len, words, "counting", workers=2)) == list(range(len(words)))
    print("counted")
"""


def test_workers_end_without_a_word_whatever_their_parent_does_on_sigterm():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "counted\n"
    assert done.stderr == ""
