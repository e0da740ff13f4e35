"""The key holder's side: one aggregate a round, opened onto the grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.errors import TooFewClientsError
from gradveil.parties.roster import Roster
from he.binding import Binding, split
from he.frames import Frame, Kind, read_frame
from he.keys import ClientKey
from he.ledger import Ledger


@dataclass(frozen=True, eq=False)
class Aggregate:
    """What a round gave: values float64 (n,) on the grid, and the weight of each contributor."""

    values: NDArray[np.float64]
    contributors: dict[str, int]


class Decryptor:
    """Opens aggregates of the roster's server; nothing but exact sums of grid values ever leaves it.

    Args:
        key: the secret key.
        roster: whose aggregates are opened, and over whom.
        ledger: what was opened before; give one with a path, or a restart forgets.
        min_contributors: a sum over fewer would expose one of them; at least 2.
    """

    def __init__(
        self, key: ClientKey, roster: Roster, *, ledger: Ledger | None = None, min_contributors: int = 2
    ) -> None:
        self._key, self._roster = key, roster
        self._ledger = Ledger() if ledger is None else ledger
        self._min_contributors = max(min_contributors, 2)

    def decrypt(self, data: bytes, binding: Binding) -> Aggregate:
        """The exact weighted sum of the contributors' rounded values.

        Raises:
            FrameError: damaged bytes, or an aggregate of another key, job, round, layout or selection.
            SignatureError: not signed by the server.
            TooFewClientsError: a sum over too few clients.
            CapacityError: more contributors or larger weights than the parameters carry.
            ReplayError: another aggregate of this round was opened before.
            DecryptionError: ciphertexts that hold no sum under this key.
        """
        frame = read_frame(data, binding.expected(self._key.scope, Kind.SUM), self._roster)
        contributors = dict(frame.header.contributors)
        if len(contributors) < self._min_contributors:
            raise TooFewClientsError(
                f"a sum over {len(contributors)} clients, not {self._min_contributors}; wait for more uploads"
            )
        weight, squares = sum(contributors.values()), sum(each * each for each in contributors.values())
        self._key.params.require_room(weight, squares)
        self._ledger.record(frame.header)
        return Aggregate(self._values(frame, weight, squares), contributors)

    def _values(self, frame: Frame, weight: int, squares: int) -> NDArray[np.float64]:
        params, decryptor = self._key.params, self._key.decryptor
        chunks = split(frame.body, params, Kind.SUM, frame.header.context.count)
        steps = [decryptor.decrypt(chunk, count, weight, squares) for chunk, count in chunks]
        return np.multiply(np.concatenate(steps), params.step, dtype=np.float64)
