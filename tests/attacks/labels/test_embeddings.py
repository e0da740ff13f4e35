"""Rows of the gradient give embeddings; what is hidden is filled in from what is not."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from attacks.labels.embeddings import class_view
from tests.attacks.cases import generator
from tests.attacks.labels.cases import class_embeddings, head_of, hide

CLASSES = 6
LABELS = [0, 0, 1, 3, 3, 3]


def rows(*hidden):
    mask = torch.zeros(CLASSES, dtype=torch.bool)
    mask[list(hidden)] = True
    return mask


@given(st.integers(0, 1000), st.floats(0, 0.6))
def test_one_common_embedding_is_recovered_whatever_part_is_hidden(seed, share):
    embedding = class_embeddings(1, seed=seed)
    head = head_of(embedding.expand(len(LABELS), -1), LABELS, CLASSES, scale=1.0, seed=seed)
    mask = torch.rand(head.weight.shape, generator=generator(seed)) < share
    view = class_view(hide(head, mask, rows(1, 4)))
    torch.testing.assert_close(view.embeddings, embedding.expand(CLASSES, -1))
    torch.testing.assert_close(view.sums[view.read], head.bias_sums[view.read])


def test_an_unread_row_is_marked():
    head = head_of(class_embeddings(CLASSES)[LABELS], LABELS, CLASSES)
    view = class_view(hide(head, rows(2, 5)[:, None].expand(-1, 12), rows(2, 5)))
    assert view.read.tolist() == [True, True, False, True, True, False]


def test_the_last_unread_row_follows_from_the_others():
    head = head_of(class_embeddings(CLASSES)[LABELS], LABELS, CLASSES)
    view = class_view(hide(head, rows(2)[:, None].expand(-1, 12), rows(2)))
    assert view.read.all()
    torch.testing.assert_close(view.sums, head.bias_sums)


def test_a_class_alone_in_its_row_shows_its_own_embedding():
    embeddings = class_embeddings(CLASSES)
    head = head_of(embeddings[[0]], [0], CLASSES)
    view = class_view(head)
    torch.testing.assert_close(view.embeddings, embeddings[[0]].expand(CLASSES, -1))


def test_exploding_ratios_stay_near_the_median():
    head = head_of(class_embeddings(CLASSES)[LABELS], LABELS, CLASSES)
    head.bias_sums[2] = 1e-12
    embeddings = class_view(head).embeddings
    assert float(embeddings.norm(dim=1).max()) <= 2.1 * float(embeddings.median(0).values.norm())


def test_a_sum_of_zero_breaks_nothing():
    head = head_of(class_embeddings(CLASSES)[LABELS], LABELS, CLASSES)
    head.bias_sums[2] = 0.0
    assert class_view(head).embeddings.isfinite().all()


def test_completion_fills_lone_gaps_exactly_and_no_others():
    head = head_of(class_embeddings(CLASSES)[LABELS], LABELS, CLASSES)
    mask = torch.zeros_like(head.weight_seen)
    mask[1, 0] = mask[2, 1] = mask[3, 1] = True
    completed = hide(head, mask, rows(4)).completed()
    torch.testing.assert_close(completed.weight_sums[:, 0], head.weight_sums[:, 0])
    torch.testing.assert_close(completed.bias_sums, head.bias_sums)
    assert completed.weight_seen[:, 0].all()
    assert not completed.weight_seen[[2, 3], 1].any()
