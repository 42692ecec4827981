"""Every number says what it is."""

from dataclasses import fields, replace

from asgnet.model.default.calibration import Calibration, described


def test_every_number_has_a_unit_and_says_what_it_does():
    numbers = replace(Calibration(), logit_shift=0.7)
    lines = {name: (value, says) for name, value, says in described(numbers)}
    assert list(lines) == [one.name for one in fields(Calibration)]
    assert lines["logit_shift"][0] == 0.7
    for one in fields(Calibration):
        assert len(one.metadata["unit"]) > 2
        assert len(one.metadata["does"]) > 8
        assert one.metadata["unit"] in lines[one.name][1]
        assert one.metadata["command"] in lines[one.name][1]
