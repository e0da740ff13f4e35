"""The last layer's inputs, the derivatives at the logits and the label, from whatever of it is readable."""

import numpy as np
import pytest
import torch

from attacks import NotApplicableError
from attacks.evidence import completed
from attacks.exact.recursion.chain import chain_of
from attacks.exact.recursion.head import heads_of
from tests.attacks.cases import CLIENT, coords_of, images_of, seen, update_of
from tests.attacks.exact.recursion.networks import chain


def found_of(model, hidden=(), label=2):
    """All heads, and the last layer's true inputs."""
    images = images_of(model)
    observation = seen(model, update_of(model, images, [label]), hidden)
    wide = model.double()
    heads = heads_of(completed(observation, CLIENT, wide), wide, chain_of(wide), range(model.classes))
    return heads, wide.inputs_of("5", images.double())[0]


def matches(head, inputs, label=2):
    close = torch.allclose(head.features, inputs, rtol=0, atol=2e-5 * float(inputs.norm()))
    return close and head.label == label


@pytest.mark.parametrize("label", range(6))
def test_all_readable(label):
    (head,), inputs = found_of(chain(), label=label)
    assert matches(head, inputs, label)
    assert head.deltas.sum() == pytest.approx(0, abs=1e-7)  # as sent, in float32


def test_without_bias_the_classes_fix_the_length():
    heads, inputs = found_of(chain(bias=False))
    assert matches(heads[0], inputs)


def test_two_classes_without_bias_leave_the_sign_open():
    heads, inputs = found_of(chain(bias=False, classes=2), label=1)
    assert sum(matches(head, inputs, 1) for head in heads) == 1
    assert any(matches(head, -inputs, 0) for head in heads)


def test_a_hidden_label_row_leaves_no_doubt():
    model = chain()
    weights, biases = coords_of(model, "5.weight").reshape(6, -1), coords_of(model, "5.bias")
    (head,), inputs = found_of(model, np.append(weights[2], biases[2]))
    assert matches(head, inputs)


@pytest.mark.parametrize(("widths", "step"), [((2, 12), 7), ((6, 24), 17)], ids=["outputs", "and gradient"])
def test_hidden_columns_follow_through_the_layer_before(widths, step):
    model = chain(widths=widths)
    columns = coords_of(model, "5.weight").reshape(6, -1)[:, ::step].flatten()
    (head,), inputs = found_of(model, columns)
    assert matches(head, inputs)


def test_too_many_hidden_columns_are_refused():
    model = chain()
    columns = coords_of(model, "5.weight").reshape(6, -1)[:, ::5].flatten()
    with pytest.raises(NotApplicableError, match=r"26 inputs of 5 .* leave \d+ inputs of 2 open"):
        found_of(model, columns)


def test_hidden_columns_and_rows_are_refused():
    model = chain(widths=(2, 12))
    matrix = coords_of(model, "5.weight").reshape(6, -1)
    hidden = np.concatenate([matrix[:, 0], matrix[1:3].flatten(), coords_of(model, "5.bias")[1:3]])
    with pytest.raises(NotApplicableError, match="rows and columns of 5"):
        found_of(model, hidden)


def test_hidden_columns_without_bias_are_refused():
    model = chain(bias=False)
    with pytest.raises(NotApplicableError, match="neither biases nor all columns"):
        found_of(model, coords_of(model, "5.weight").reshape(6, -1)[:, 0])


def test_a_gradient_of_another_loss_is_refused():
    model = chain()
    update = update_of(model, images_of(model), [2])
    update.vector[coords_of(model, "5.weight", "5.bias")] *= 0.5
    wide = model.double()
    with pytest.raises(NotApplicableError, match="one example's cross-entropy"):
        heads_of(completed(seen(model, update), CLIENT, wide), wide, chain_of(wide), range(6))
