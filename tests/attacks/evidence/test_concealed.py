"""A mean over a batch and as many synthetic examples, read as a sum over both."""

from attacks.evidence import AmongOthers, readable
from tests.attacks.cases import CLIENT, seen


def test_the_readings_are_those_of_twice_the_examples(tiny, tiny_update):
    observation = seen(tiny, tiny_update, hidden=[0, 3])
    plain, both = (view(observation, CLIENT, tiny) for view in (readable, AmongOthers()))
    assert both.examples == 2 * plain.examples
    assert both.values.equal(2 * plain.values)
    assert both.mask.equal(plain.mask)
