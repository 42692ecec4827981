"""Numerical honesty: single precision beside double, nothing but finite numbers, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asgnet.model.paper.fem import FEM
from asgnet.model.paper.gpa import allocate
from asgnet.model.paper.seeds import seed_masks
from asgnet.model.paper.sgc import cluster


def drawn(*shape, seed=0, scale=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def blob(h=24, w=24):
    mask = torch.zeros(1, h, w, dtype=torch.uint8)
    mask[0, 3:20, 4:21] = 1
    return mask


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_sgc_in_single_precision_is_sgc_in_double(scale, offset):
    features, mask = drawn(1, 32, 24, 24, scale=scale) + offset, blob()
    seeds, valid = seed_masks(mask, area=20)
    single, double = (
        cluster(features.to(kind), mask == 1, seeds, valid, 10) for kind in (torch.float32, torch.float64)
    )
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4 * scale)


def test_gpa_in_single_precision_is_gpa_in_double():
    query, prototypes, valid = (
        drawn(1, 32, 20, 20),
        drawn(1, 5, 32, seed=1),
        torch.ones(1, 5, dtype=torch.bool),
    )
    double = allocate(query, prototypes, valid)
    single = allocate(query.float(), prototypes.float(), valid)
    torch.testing.assert_close(single.similarity.double(), double.similarity, rtol=0, atol=1e-6)
    torch.testing.assert_close(single.probability_map.double(), double.probability_map, rtol=0, atol=5e-6)
    margin = double.similarity.topk(2, 1).values.diff(dim=1).abs()[:, 0]
    clear = margin > 1e-5
    assert (single.guide_map == double.guide_map)[clear].all()


def test_fem_in_single_precision_is_fem_in_double():
    torch.manual_seed(0)
    fem = FEM(16, 8).eval()
    guided, fit = drawn(1, 16, 24, 24), drawn(1, 1, 24, 24, seed=1)
    with torch.inference_mode():
        single = fem(guided.float(), fit.float()).logits
        double = fem.double()(guided, fit).logits
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("many", [1, 5000])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_thousands_of_prototypes_and_zero_features_are_finite(many, reduce):
    prototypes = drawn(1, many, 8).float()
    prototypes[:, ::2] = 0
    query = drawn(1, 8, 6, 7).float()
    query[..., :3] = 0
    answer = allocate(query, prototypes, torch.ones(1, many, dtype=torch.bool), reduce)
    assert all(torch.isfinite(part).all() for part in answer)
    if reduce != "sum":
        assert answer.probability_map.abs().max() <= 1 + 1e-5


@pytest.mark.parametrize("value", [0.0, 1.0, 1e18, -1e18])
def test_constant_features_are_finite_and_themselves(value):
    mask = blob()
    seeds, valid = seed_masks(mask, area=20)
    found = cluster(torch.full((1, 8, 24, 24), value), mask == 1, seeds, valid)
    torch.testing.assert_close(found, torch.full_like(found, value) * valid[..., None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fill", [0, 128, 255], ids=["black", "grey", "white"])
def test_blank_and_saturated_pictures_have_finite_answers(segmenter, scene, fill):
    picture, mask = scene()
    found = segmenter.fit(picture, mask).predict(np.full((50, 70, 3), fill, np.uint8))
    assert np.isfinite(found.probability).all()
    assert 0 <= found.presence <= 1


def test_the_same_on_every_run_in_any_company_and_on_one_thread_or_two(segmenter, scene):
    pictures = [scene(i)[0] for i in range(3)]
    segmenter.fit(*scene(), adapt=False)
    alone = [segmenter.predict(p) for p in pictures]
    for one, other in zip(alone, segmenter.predict(pictures), strict=True):
        np.testing.assert_array_equal(one.probability, other.probability)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            again = segmenter.predict(pictures[0])
            np.testing.assert_allclose(again.probability, alone[0].probability, atol=1e-4)
    finally:
        torch.set_num_threads(before)


def test_two_fits_learn_the_same_to_the_bit(segmenter, scene):
    picture, mask = scene()
    first = segmenter.fit([picture, picture[:, ::-1].copy()], [mask, mask[:, ::-1].copy()]).concept
    second = segmenter.fit([picture, picture[:, ::-1].copy()], [mask, mask[:, ::-1].copy()]).concept
    for name, tensor in first.tensors.items():
        np.testing.assert_array_equal(tensor, second.tensors[name], err_msg=name)
