"""GPA: exact tiny answers, laws, and the naive cosine loop."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.paper.gpa import allocate, cosine


def test_each_pixel_takes_its_own_colour():
    query = torch.tensor([[[[2.0, 0.0]], [[0.0, 3.0]]]])  # 1 2 1 2
    prototypes = torch.tensor([[[0.0, 1.0], [5.0, 0.0]]])
    found = allocate(query, prototypes, torch.ones(1, 2, dtype=torch.bool))
    assert found.guide_map.tolist() == [[[1, 0]]]
    assert found.guide_feature[0, :, 0].T.tolist() == [[5.0, 0.0], [0.0, 1.0]]
    torch.testing.assert_close(found.probability_map, torch.ones(1, 1, 1, 2))


def test_one_prototype_is_tiled():
    prototypes = torch.randn(2, 1, 6)
    found = allocate(torch.randn(2, 6, 3, 4), prototypes, torch.ones(2, 1, dtype=torch.bool))
    torch.testing.assert_close(found.guide_feature, prototypes[:, 0, :, None, None].expand(-1, -1, 3, 4))


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 4, 5), (3, 16, 7, 2)])
def test_equals_the_naive_loop(shape):
    query, prototypes = torch.randn(shape), torch.randn(shape[0], 7, shape[1])
    valid = torch.rand(shape[0], 7) > 0.3
    valid[:, 2] = True
    naive = torch.stack(
        [F.cosine_similarity(query, prototypes[:, i, :, None, None], dim=1, eps=1e-7) for i in range(7)], 1
    )
    torch.testing.assert_close(cosine(query, prototypes), naive)
    naive = naive * valid[..., None, None]
    torch.testing.assert_close(allocate(query, prototypes, valid).probability_map, naive.sum(1, keepdim=True))
    mean = naive.sum(1, keepdim=True) / valid.sum(1)[:, None, None, None]
    torch.testing.assert_close(allocate(query, prototypes, valid, "mean").probability_map, mean)
    masked = naive.masked_fill(~valid[..., None, None], -9)
    found = allocate(query, prototypes, valid, "max")
    torch.testing.assert_close(found.probability_map, masked.amax(1, keepdim=True))
    for b in range(shape[0]):
        torch.testing.assert_close(
            found.guide_feature[b], prototypes[b][masked[b].argmax(0)].permute(2, 0, 1)
        )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 5), st.sampled_from(["sum", "mean", "max"]), st.integers(0, 99))
def test_padding_changes_nothing_whatever_it_holds(count, padding, reduce, seed):
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(2, 8, 3, 5, generator=generator)
    prototypes = torch.randn(2, count, 8, generator=generator)
    valid = torch.ones(2, count, dtype=torch.bool)
    wide = torch.cat([prototypes, 100 * query[:, :, :1, :1].flatten(2).mT.expand(-1, padding, -1)], 1)
    plain = allocate(query, prototypes, valid, reduce)
    padded = allocate(query, wide, F.pad(valid, (0, padding)), reduce)
    for a, b in zip(plain[:3], padded[:3], strict=True):
        torch.testing.assert_close(a, b)
    assert (padded.similarity[:, count:] == 0).all()


def test_padding_is_not_chosen_even_where_all_others_point_away():
    query = -torch.ones(1, 4, 2, 2)
    prototypes = torch.stack([torch.zeros(4), torch.ones(4)])[None]
    found = allocate(query, prototypes, torch.tensor([[False, True]]))
    assert (found.guide_map == 1).all()


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)))
def test_the_order_of_prototypes_changes_nothing(order):
    query, prototypes = torch.randn(1, 8, 4, 4), torch.randn(1, 5, 8)
    valid = torch.tensor([[True, True, True, False, True]])
    a, b = allocate(query, prototypes, valid), allocate(query, prototypes[:, order], valid[:, order])
    torch.testing.assert_close(a.guide_feature, b.guide_feature)
    torch.testing.assert_close(a.probability_map, b.probability_map)


def test_zero_features_and_zero_prototypes_are_finite():
    found = allocate(
        torch.zeros(1, 4, 2, 2), torch.zeros(1, 3, 4), torch.zeros(1, 3, dtype=torch.bool), "max"
    )
    assert all(torch.isfinite(t).all() for t in found)


def test_gradient_reaches_the_query():
    query = torch.randn(1, 4, 3, 3, requires_grad=True)
    found = allocate(query, torch.randn(1, 2, 4), torch.ones(1, 2, dtype=torch.bool))
    found.probability_map.sum().backward()
    assert query.grad.abs().sum() > 0


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_of_one_prototype_every_map_is_its_cosine(reduce):
    query = torch.tensor([[[[3.0]], [[4.0]]]])
    prototypes = torch.tensor([[[1.0, 0.0], [9.0, 9.0]]])
    found = allocate(query, prototypes, torch.tensor([[True, False]]), reduce)
    torch.testing.assert_close(found.probability_map, torch.tensor([[[[0.6]]]]))


def test_short_vectors_have_a_direction_and_none_at_all_has_no_likeness():
    query = torch.tensor([[[[3e-6, 0.0]], [[4e-6, 0.0]]]])
    found = cosine(query, torch.tensor([[[1e-6, 0.0]]]))
    torch.testing.assert_close(found, torch.tensor([[[[0.6, 0.0]]]]))
