"""The harness of a round: arguments are checked, everything passes through bytes, times add up."""

import numpy as np
import pytest

from gradveil.defenses import Gaussian, Identity, SecureAggregation, SelectiveEncryption, Session
from gradveil.exchange import Clear, Download, GradveilError, Layout, Selection, Update, Upload

LAYOUT = Layout(("w",), ((6,),))
CLIENTS = ("ann", "bob", "cid")
EVERYTHING = Selection(LAYOUT, np.ones(6, dtype=np.bool_), "all")
TWICE = ("ann", "ann", "bob", "cid")


def update(value=1.0, weight=1):
    return Update(LAYOUT, np.full(6, value, np.float32), weight)


def rng():
    return np.random.default_rng(0)


class Echo(Session):
    """Sends updates in the clear and remembers what each step was handed."""

    def __init__(self):
        super().__init__(CLIENTS, LAYOUT, 1)
        self.received, self.downloaded = [], None

    def _protect(self, client, update):
        return Upload(client, LAYOUT, (Clear(np.arange(7), update.contribution()),))

    def _aggregate(self, uploads):
        self.received = uploads
        total = sum(upload.parts[0].values for upload in uploads)
        return Download(frozenset(u.client for u in uploads), LAYOUT, (Clear(np.arange(7), total),))

    def _recover(self, download):
        self.downloaded = download
        return Update.mean_of_sum(LAYOUT, download.parts[0].values.astype(np.float64))


def test_the_server_and_the_clients_see_decoded_bytes_only():
    session = Echo()
    uploads = [session.protect(name, update()) for name in CLIENTS]
    download = session.aggregate(uploads)
    session.recover(download)
    assert all(seen is not sent for seen, sent in zip(session.received, uploads, strict=True))
    assert session.downloaded is not download
    assert [seen.to_bytes() for seen in session.received] == [sent.to_bytes() for sent in uploads]


def test_a_client_outside_the_round_never_reaches_the_defense():
    session = Echo()
    foreign = Upload("mallory", LAYOUT, ())
    with pytest.raises(GradveilError):
        session.aggregate([foreign])
    assert session.received == []


def test_seconds_of_a_client_are_a_mean_over_the_clients():
    session = Echo()
    for name in CLIENTS:
        session.protect(name, update())
    assert session.seconds.client == pytest.approx(session._protect_seconds / 3)


@pytest.mark.parametrize("defense", [Identity(), Gaussian(0.1), SelectiveEncryption(EVERYTHING)])
def test_a_roster_that_names_a_client_twice_is_refused(defense):
    with pytest.raises(GradveilError):
        defense.open(TWICE, LAYOUT, rng())


def test_secure_aggregation_refuses_a_roster_that_names_a_client_twice():
    with pytest.raises(GradveilError, match="distinct"):
        SecureAggregation().open(TWICE, LAYOUT, rng())


@pytest.mark.parametrize("sender", [Identity(), SelectiveEncryption(EVERYTHING)])
def test_a_download_of_another_defense_is_refused(sender):
    other = SelectiveEncryption(EVERYTHING) if isinstance(sender, Identity) else Identity()
    session = sender.open(CLIENTS, LAYOUT, rng())
    download = session.aggregate([session.protect(name, update()) for name in CLIENTS])
    with pytest.raises(GradveilError):
        other.open(CLIENTS, LAYOUT, rng()).recover(download)
