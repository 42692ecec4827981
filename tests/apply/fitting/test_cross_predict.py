import pytest

from asgnet.apply.fitting.cross_predict import cross_predict


@pytest.mark.parametrize(("folds", "models"), [(10, 5), (5, 5), (2, 2)])
def test_every_example_is_predicted_once_by_a_model_of_all_other_folds(folds, models):
    fitted = []

    def fit(others):
        fitted.append(list(others))
        return set(others)

    found = cross_predict(5, fit, lambda model, i: (i, i in model), folds)
    assert found == [(i, False) for i in range(5)]
    assert len(fitted) == models


def test_two_folds_share_the_examples_evenly():
    assert cross_predict(5, list, lambda model, i: model, 2) == [[1, 3], [0, 2, 4], [1, 3], [0, 2, 4], [1, 3]]
