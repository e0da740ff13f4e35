"""When a server ends a phase: counts and deadlines."""

import pytest

from secagg import Closed, Deadline, Done, ProtocolError
from secagg.phases import Deadlines, Phase, PhasePolicy, answered, phase_of, verdict
from secagg.server_states import Advertising, Confirming, Sharing, Summing, Unmasking

ANSWERS = {"ann": b"", "bob": b"", "cid": b""}
STATES = {
    Phase.ADVERTISE: Advertising(ANSWERS),
    Phase.SHARE: Sharing(None, ANSWERS),
    Phase.MASK: Summing(None, {}, None, set(ANSWERS)),
    Phase.CONFIRM: Confirming(None, {}, None, frozenset(), ANSWERS),
    Phase.UNMASK: Unmasking(None, {}, None, frozenset(), ANSWERS),
}


def policies(phase, **changes):
    return Deadlines(**{phase: PhasePolicy(**changes)})


@pytest.mark.parametrize("phase", Phase)
def test_each_state_is_a_phase_with_answers(phase):
    assert phase_of(STATES[phase]) is phase
    assert answered(STATES[phase]) == 3


@pytest.mark.parametrize("phase", Phase)
def test_the_maximum_ends_a_phase_early(phase):
    assert verdict(STATES[phase], policies(phase, maximum=4), late=False) is None
    assert verdict(STATES[phase], policies(phase, maximum=3), late=False) == Deadline()


@pytest.mark.parametrize("phase", Phase)
def test_the_deadline_ends_a_phase_with_the_minimum(phase):
    assert verdict(STATES[phase], Deadlines(), late=False) is None
    assert verdict(STATES[phase], policies(phase, minimum=3), late=True) == Deadline()


@pytest.mark.parametrize("phase", Phase)
def test_below_the_minimum_the_round_is_aborted(phase):
    assert verdict(STATES[phase], policies(phase, minimum=4), late=False) is None
    reason = verdict(STATES[phase], policies(phase, minimum=4), late=True)
    assert reason == f"3 clients answered in phase {phase}, 4 needed; start a new round"


@pytest.mark.parametrize("state", [Closed("over"), Done(None)])
def test_a_round_that_is_over_has_no_phase(state):
    assert phase_of(state) is None
    assert answered(state) == 0
    assert verdict(state, Deadlines(), late=True) is None


@pytest.mark.parametrize(
    "changes", [{"seconds": 0.0}, {"seconds": float("nan")}, {"minimum": -1}, {"maximum": 0}]
)
def test_impossible_policies_are_refused(changes):
    with pytest.raises(ProtocolError):
        PhasePolicy(**changes)
    with pytest.raises(ProtocolError, match="minimum <= maximum"):
        PhasePolicy(minimum=4, maximum=3)
