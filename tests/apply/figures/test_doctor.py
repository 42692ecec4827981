import numpy as np
import pytest

from asgnet.apply.doctor.findings import Diagnosis, Examined, Finding
from asgnet.apply.doctor.quality import Expected
from asgnet.apply.figures.doctor import FOUND, MISSED, VERDICTS, doctor_page
from asgnet.types import Support


def diagnosis(count: int) -> Diagnosis:
    mask = np.zeros((90, 120), np.uint8)
    mask[20:60, 30:90] = 1
    image = np.full((90, 120, 3), 250, np.uint8)
    ious = np.linspace(0.1, 0.9, count)
    findings = [Finding(f"'folder/{i}.jpg'", True, 0.2, iou, remarks=("A.",)) for i, iou in enumerate(ious)]
    found = mask.astype(bool) & (np.indices(mask.shape)[1] < 60)
    examined = [Examined(Support(image, mask, "x"), found, i) for i in range(count)]
    unusable = Finding("'broken.jpg'", False, remarks=("It is not a picture.",))
    return Diagnosis((*findings, unusable), "Mend.", Expected(0.6, 0.4, 0.7), tuple(examined))


def has(page: np.ndarray, colour) -> bool:
    return bool((np.abs(page.astype(int) - np.asarray(colour)).max(-1) <= 1).any())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 30])
def test_any_number_of_examples_makes_a_page(count):
    page = doctor_page(diagnosis(count))
    assert page.dtype == np.uint8
    assert page.shape[1] < 1400
    assert has(page, VERDICTS["unusable"])
    assert has(page, FOUND)


def test_the_worst_are_shown_when_there_are_many():
    page, few = doctor_page(diagnosis(30)), doctor_page(diagnosis(3))
    assert page.shape[0] < 5 * few.shape[0]
    assert has(page, VERDICTS["hard"])
    assert not has(page, VERDICTS["good"]) or VERDICTS["good"] == FOUND


def test_what_was_missed_has_its_colour():
    assert has(doctor_page(diagnosis(2)), MISSED)
