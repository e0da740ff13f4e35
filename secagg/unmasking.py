"""Taking the masks off a sum: rebuilt secrets, checked against what their owners published."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from secagg import shamir
from secagg.agreement import KeyPair, Purpose, derive
from secagg.errors import TamperedError, TooFewSharesError
from secagg.masking import MaskKey, pair_sign
from secagg.residues import Ring
from secagg.server_states import Unmasking

_MOST_CORRECTED = 200
"""Shares of one secret among which wrong ones are searched: about two seconds, growing with the cube."""

Mask = tuple[bytes, int]
"""A mask's key and the sign with which it is added."""


@dataclass
class Rebuilder:
    """Rebuilds secrets from the answers of one round, and notes whose shares were wrong."""

    state: Unmasking
    suspects: set[tuple[str, str]] = field(default_factory=set)

    def masks(self) -> Iterator[Mask]:
        """Every mask that is still in the sum, to be added with the opposite sign.

        Raises:
            TooFewSharesError: of one owner; more may still come.
            TamperedError: shares of one owner do not give what it published.
        """
        for owner in sorted(self.state.commitments):
            if owner in self.state.survivors:
                seed = self._rebuild(owner)
                yield derive(seed, Purpose.SELF_MASK, self.state.cohort.header, [owner]), -1
            else:
                yield from self._pair_masks(owner)

    def _pair_masks(self, owner: str) -> Iterator[Mask]:
        """Masks that survivors share with a dead client; none were added where both are dead."""
        cohort = self.state.cohort
        alive = [peer for peer in cohort.peers(owner) if peer in self.state.survivors]
        if not alive:
            return
        masking = KeyPair.from_secret(self._rebuild(owner))
        for peer in alive:
            public = cohort.keys(peer).masking
            key = masking.agree(public, Purpose.PAIR_MASK, cohort.header, (owner, peer))
            yield key, -pair_sign(peer, owner)

    def _rebuild(self, owner: str) -> bytes:
        shares = self._shares(owner)
        threshold = self.state.cohort.config.threshold
        if len(shares) < threshold:
            raise TooFewSharesError(
                f"{len(shares)} shares of {owner!r}, {threshold} needed; wait, or start a new round"
            )
        ordered = [(self.state.cohort.point(holder), share) for holder, share in shares.items()]
        try:
            secret = shamir.combine(ordered, threshold)
        except TamperedError:
            secret = b""
        return secret if self._is_genuine(owner, secret) else self._corrected(owner, ordered)

    def _corrected(self, owner: str, ordered: Sequence[shamir.Share]) -> bytes:
        refusal = f"the shares of {owner!r} are not its own; start a new round without it"
        try:
            secret, wrong = shamir.correct(ordered[:_MOST_CORRECTED], self.state.cohort.config.threshold)
        except TamperedError as error:
            raise TamperedError(refusal) from error
        if not self._is_genuine(owner, secret):
            raise TamperedError(refusal)
        self.suspects |= {(owner, self.state.cohort.names[point - 1]) for point in wrong}
        return secret

    def _shares(self, owner: str) -> dict[str, bytes]:
        """Those of holders that nobody suspects first; the others only correct."""
        answers = self.state.answers
        holders = [name for name in self.state.cohort.holders(owner) if owner in answers.get(name, {})]
        suspected = {holder for _, holder in self.suspects}
        return {name: answers[name][owner] for name in sorted(holders, key=lambda name: name in suspected)}

    def _is_genuine(self, owner: str, secret: bytes) -> bool:
        if not secret:
            return False
        if owner in self.state.survivors:
            found = derive(secret, Purpose.SEED_COMMITMENT, self.state.cohort.header, [owner])
            return found == self.state.commitments[owner]
        return KeyPair.from_secret(secret).public == self.state.cohort.keys(owner).masking


def remove_masks(total: Ring, masks: Sequence[Mask], executor: Executor | None, workers: int) -> None:
    """Add all masks with their signs, in place; in parts of their own if there is an executor."""
    if executor is None or len(masks) < 2 * workers:
        _apply(total, masks)
        return
    parts = [masks[start::workers] for start in range(workers)]
    forms = [(part, total.size, total.dtype.str) for part in parts]
    for data in executor.map(_sum_of_masks, *zip(*forms, strict=True)):
        total += np.frombuffer(data, dtype=total.dtype)


def _sum_of_masks(masks: Sequence[Mask], size: int, dtype: str) -> bytes:
    total = np.zeros(size, dtype=np.dtype(dtype))
    _apply(total, masks)
    return total.tobytes()


def _apply(total: Ring, masks: Sequence[Mask]) -> None:
    for key, sign in masks:
        MaskKey(key).apply(total, sign)
