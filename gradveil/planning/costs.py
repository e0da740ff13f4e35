"""Bytes and seconds of a client in a round, from parameters alone."""

import math
from dataclasses import dataclass

import numpy as np

import he
from gradveil.exchange import Clear, Part, Sealed, Upload
from gradveil.fl.contribution import MASKED, agreed_of
from gradveil.plan import Masking, Plan
from gradveil.planning.building import Builder
from gradveil.planning.candidates import Candidate, Protection
from gradveil.planning.errors import PlanningError
from gradveil.planning.rates import EncryptionRates, MaskingRates, Rates, client_names
from secagg.packing import packed_bytes

_FLOAT = 4


@dataclass(frozen=True)
class Cost:
    """Of one client in one round, training and the model that it is given apart.

    Attributes:
        bytes: that it sends.
        seconds: that it computes on this machine, wall-clock.
    """

    bytes: int
    seconds: float


def estimate(candidate: Candidate, builder: Builder, rates: Rates) -> Cost:
    """From counts of coordinates, before any slice is chosen; it is taken to be scattered.

    Raises:
        GradveilError: no parameters carry the candidate.
    """
    counts = _counts(candidate, builder)
    masked, encrypted = counts[Protection.MASKED], counts[Protection.ENCRYPTED]
    size, seconds = rates.reply + _FLOAT * counts[Protection.CLEAR] + _places(candidate, builder), 0.0
    _require_rates(masked, rates.masking)
    _require_rates(encrypted, rates.encryption)
    if masked and rates.masking is not None:
        cost = _masked_cost(masked + 1, builder.masking(masked, candidate.noise), rates.masking)
        size, seconds = size + cost.bytes, seconds + cost.seconds
    if encrypted and rates.encryption is not None:
        cost = _encrypted_cost(encrypted + 1, builder.encryption(encrypted), rates.encryption)
        size, seconds = size + cost.bytes, seconds + cost.seconds
    return Cost(size, seconds)


def predicted(plan: Plan, rates: Rates) -> Cost:
    """Of a plan: an upload with payloads of the sizes that parameters give, and what is sent around it."""
    split, parts = plan.train, list[Part]()
    size, seconds = rates.reply, 0.0
    if plan.encryption is not None and rates.encryption is not None:
        cost = _encrypted_cost(split.encrypted.size, plan.encryption, rates.encryption)
        parts.append(Sealed(split.encrypted, plan.encryption.scheme, bytes(cost.bytes)))
        seconds += cost.seconds
    if plan.masking is not None and rates.masking is not None:
        cost = _masked_cost(split.masked.size, plan.masking, rates.masking)
        beside = rates.masking.bytes_beside
        parts.append(Sealed(split.masked, MASKED, bytes(cost.bytes - beside)))
        size, seconds = size + beside, seconds + cost.seconds
    if split.clear.size:
        parts.append(Clear(split.clear, np.zeros(split.clear.size, dtype=np.float32)))
    upload = Upload(client_names(1)[0], split.layout, tuple(parts), agreed_of(split))
    return Cost(size + upload.nbytes, seconds)


def _masked_cost(values: int, masking: Masking, rates: MaskingRates) -> Cost:
    size = rates.bytes_beside + rates.header + packed_bytes(values, masking.modulus_bits)
    each = rates.seconds_per_value + (rates.seconds_per_noise if masking.noise else 0.0)
    return Cost(size, rates.seconds + values * each)


def _encrypted_cost(values: int, params: he.Params, rates: EncryptionRates) -> Cost:
    size = rates.header + params.upload_bytes(values)
    return Cost(size, params.chunks(values) * rates.seconds_per_chunk)


def _places(candidate: Candidate, builder: Builder) -> int:
    """Bytes that say where a slice lies: a bit each, but what is encrypted is named by its hash."""
    named = candidate.slice is None or candidate.slice is Protection.ENCRYPTED
    return 0 if named else math.ceil(builder.subject.layout.wire_size / 8)


def _require_rates(count: int, rates: MaskingRates | EncryptionRates | None) -> None:
    if count and rates is None:
        raise PlanningError(
            "its protocol does not carry the whole model; allow a larger error, or fewer clients"
        )


def _counts(candidate: Candidate, builder: Builder) -> dict[Protection, int]:
    subject, counts = builder.subject, dict.fromkeys(Protection, 0)
    parameters, buffers = subject.model.layout.size, int(subject.buffers.sum())
    taken = builder.taken(candidate)
    if candidate.slice is not None:
        counts[candidate.slice] += taken + (0 if candidate.rest is Protection.MASKED else buffers)
    counts[candidate.rest] += parameters + buffers - sum(counts.values())
    return counts
