import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgnet.apply.batch.pipeline import overlapped


def _identity(job, value=None):
    return job if value is None else value


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 4))
def test_every_job_comes_back_in_order_with_its_own_error(jobs, ahead):
    def fails(step, modulus):
        def run(job, *_):
            if job % modulus == 1:
                raise ValueError(step)
            return job

        return run

    got = list(overlapped(jobs, fails("read", 5), fails("work", 7), fails("write", 11), ahead))
    assert [job for job, _ in got] == jobs
    for job, outcome in got:
        step = next((s for s, m in (("read", 5), ("work", 7), ("write", 11)) if job % m == 1), None)
        assert (outcome == job) if step is None else (str(outcome) == step)


def test_never_more_than_the_bound_is_held_at_once():
    alive, most, lock = 0, 0, threading.Lock()

    def read(job):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return job

    def write(job, value):
        nonlocal alive
        time.sleep(0.002)
        with lock:
            alive -= 1

    list(overlapped(range(60), read, _identity, write, ahead=2))
    assert most <= 2 * 2 + 3
    assert alive == 0


def test_reading_working_and_writing_happen_at_the_same_time():
    def slow(job, *_):
        time.sleep(0.02)
        return job

    began = time.perf_counter()
    list(overlapped(range(20), slow, slow, slow))
    assert time.perf_counter() - began < 20 * 3 * 0.02 * 0.75


def test_an_interrupt_ends_the_running_write_and_starts_no_other():
    begun, ended = [], []

    def write(job, value):
        begun.append(job)
        time.sleep(0.05)
        ended.append(job)

    def work(job, value):
        if job == 3:
            raise KeyboardInterrupt
        return value

    with pytest.raises(KeyboardInterrupt):
        list(overlapped(range(10), _identity, work, write))
    assert begun == ended
    settled = list(begun)
    time.sleep(0.1)
    assert begun == settled


def test_a_caller_that_stops_leaves_no_thread_behind():
    before = set(threading.enumerate())  # a server of another test may be there
    for _ in overlapped(range(100), _identity, _identity, _identity):
        break
    assert not [t for t in threading.enumerate() if t.name.startswith("asgnet-") and t not in before]


def test_what_is_to_be_alone_in_memory_is():
    kept, most = set(), []

    def read(task):
        kept.add(("read", task))
        return task

    def work(task, loaded):
        kept.remove(("read", task))
        if task >= 5:
            most.append((task, len([one for one in kept if one[0] == "worked"])))
        kept.add(("worked", task))
        return task

    def write(task, worked):
        time.sleep(0.01)
        kept.remove(("worked", task))
        return task

    got = list(overlapped(range(12), read, work, write, alone=lambda task: task >= 5))
    assert got == [(i, i) for i in range(12)]
    assert most == [(i, 0) for i in range(5, 12)]
