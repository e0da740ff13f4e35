import pytest

from tests.laws.rounds import CASES, play, updates


@pytest.fixture(scope="session", params=CASES.values(), ids=CASES.keys())
def case(request):
    """A row of the table of all defenses."""
    return request.param


@pytest.fixture(scope="session")
def sent():
    """One update for each client."""
    return updates()


@pytest.fixture(scope="session")
def played(case, sent):
    """An undisturbed round."""
    return play(case.build(), sent)
