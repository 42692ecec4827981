"""Pixels are paid for, and given back."""

import threading

import pytest

from asgnet.serving.decoding.budget import PixelBudget, TooMuchError, check_total


def test_who_wants_more_than_is_left_waits_until_it_is_given_back():
    budget, entered = PixelBudget(100), threading.Event()

    def other():
        with budget.spend(60):
            entered.set()

    with budget.spend(60), budget.spend(40):
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.2)
    thread.join(5)
    assert entered.is_set()


def test_more_than_the_whole_budget_is_let_in_alone():
    budget = PixelBudget(100)
    with budget.spend(500):
        pass
    with budget.spend(100):
        pass


def test_a_request_of_too_many_pixels_is_told_how_many():
    check_total([(10, 10), (20, 10)], 300)
    with pytest.raises(TooMuchError, match="1 megapixels together, more than the 0"):
        check_total([(1000, 1000)], 300)
