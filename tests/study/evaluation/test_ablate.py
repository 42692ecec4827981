"""Ablation rows are evaluations of the same lists."""

import numpy as np
from tests.study.evaluation.conftest import NearestColour, listed

from asgnet.study.evaluation.ablate import ablate, paper_variants
from asgnet.study.evaluation.evaluate import evaluate
from asgnet.study.evaluation.predictor import NetPredictor
from asgnet.study.evaluation.report import markdown


def test_ablation_rows_are_evaluations_of_the_same_lists(dataset):
    lists = {"1-shot": listed(dataset, shots=1), "2-shot": [listed(dataset, seed=s) for s in (0, 1)]}
    rows = ablate({"right": NearestColour, "shifted": lambda: NearestColour(shift=3)}, dataset, lists)
    assert [row["name"] for row in rows] == ["right", "shifted"]
    assert rows[1]["results"]["2-shot"] == evaluate(
        NearestColour(shift=3), dataset, lists["2-shot"]
    ).summary | {"seconds": rows[1]["results"]["2-shot"]["seconds"]}
    lines = markdown(rows).splitlines()
    assert lines[0] == "| variant | 1-shot mIoU | 1-shot FB-IoU | 2-shot mIoU | 2-shot FB-IoU |"
    assert lines[3].startswith("| shifted | 84.00 |")
    assert "84.00 ± 0.00" in lines[3]


def test_the_papers_variants_differ_where_they_should(dataset, net):
    tables = paper_variants(net, size=64)
    assert [len(rows) for rows in tables.values()] == [4, 6, 4]
    supports = [dataset.picture("00")], [dataset.mask("00", 1)]
    slots = {
        name: int(make().fit(*supports)._fitted["object"][0][1].sum())
        for rows in tables.values()
        for name, make in rows.items()
    }
    assert slots["masked average, GPA"] == slots["SGC, expand"] == slots["N_max 1"] == 1
    assert slots["always five"] == 5
    assert net.config.most == 5


def test_variants_look_at_a_picture_once_and_answer_as_a_network_alone_does(dataset, net, monkeypatch):
    tables = paper_variants(net, size=64)
    looked = []
    project = net.project
    monkeypatch.setattr(net, "project", lambda maps: looked.append(len(maps[0])) or project(maps))
    supports = [dataset.picture(n) for n in ("00", "01")], [dataset.mask(n, 1) for n in ("00", "01")]
    for rows in tables.values():
        for make in rows.values():
            asked = make()
            asked.fit(*supports)
            found = asked.predict(dataset.picture("02"))
    assert looked == [1, 1, 1]
    alone = NetPredictor(net, size=64, fusion="vote")
    alone.fit(*supports)
    expected = alone.predict(dataset.picture("02")).probability
    np.testing.assert_allclose(found.probability, expected, atol=1e-5)
