"""What this machine and this protocol cost beside payloads: small real rounds with as many clients."""

from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.exchange import Layout, Sealed, Selection
from gradveil.fl import LocalJob, LocalRecord, Trained
from gradveil.fl.stopwatch import Side
from gradveil.fl.sums import masked_of
from gradveil.plan import Masking, Placement, Plan
from secagg.noise import DiscreteGaussianNoise
from secagg.packing import packed_bytes
from secagg.phases import Phase

_FEW, _MANY = 1, 1 << 15


@dataclass(frozen=True)
class MaskingRates:
    """Of one client in one round of secure aggregation.

    Attributes:
        bytes_beside: sent in all phases but the contribution's.
        header: bytes of a masked input beside its packed ring.
        seconds: besides masking.
        seconds_per_value: of masking.
        seconds_per_noise: of a value's share of noise, where there is noise.
    """

    bytes_beside: int
    header: int
    seconds: float
    seconds_per_value: float
    seconds_per_noise: float


@dataclass(frozen=True)
class EncryptionRates:
    """Of one client.

    Attributes:
        header: bytes of a frame beside its ciphertexts.
        seconds_per_chunk: of encrypting, signing and, of the sum, decrypting.
    """

    header: int
    seconds_per_chunk: float


@dataclass(frozen=True)
class Rates:
    """What a plan costs beside its payloads.

    Attributes:
        reply: bytes around an upload.
        masking: None if nothing is masked.
        encryption: None if nothing is encrypted.
    """

    reply: int
    masking: MaskingRates | None
    encryption: EncryptionRates | None


def client_names(count: int) -> tuple[str, ...]:
    """Of equal length, so that all send equally many bytes."""
    return tuple(f"client-{number:04}" for number in range(count))


def measured_rates(masked: Plan | None, encrypted: Plan | None) -> Rates:
    """From rounds of plans as small as can be, with these plans' clients, masking and encryption."""
    masking = None if masked is None or masked.masking is None else _masking(masked, masked.masking)
    params = None if encrypted is None else encrypted.encryption
    encryption = None if encrypted is None or params is None else _encryption(encrypted, params)
    return Rates(_reply_bytes(), masking, encryption)


def _masking(plan: Plan, masking: Masking) -> MaskingRates:
    few, many = (masked_round(plan, masking, size) for size in (_FEW, _MANY))
    name = client_names(1)[0]
    contributed = sum(len(m.payload) for m in few.messages if m.sender == name and m.phase is Phase.MASK)
    upload = next(each for each in few.uploads if each.client == name)
    header = len(masked_of(upload)) - packed_bytes(_FEW + 1, masking.modulus_bits)
    seconds = [client_seconds(record, plan.clients) for record in (few, many)]
    rate = max(seconds[1] - seconds[0], 0.0) / (_MANY - _FEW)
    sent = few.bytes_of(name)[0] - contributed
    return MaskingRates(sent, header, seconds[0], rate, _noise_seconds())


def _noise_seconds() -> float:
    """Of one value; the time to sample one hardly depends on how large it is."""
    noise = DiscreteGaussianNoise.for_(
        2, 16, length=_MANY, clip_norm=1.0, sigma=1e-3, survivors_min=1, delta=0.5
    )
    start = perf_counter()
    noise.encode(np.zeros(_MANY, dtype=np.float32))
    return (perf_counter() - start) / _MANY


def _encryption(plan: Plan, params: he.Params) -> EncryptionRates:
    count = 2 * params.values_per_chunk - 1
    layout = Layout(("w",), ((count,),))
    everything = Selection(layout, np.ones(count, dtype=np.bool_), "all")
    small = Plan.of(
        layout,
        clients=plan.clients,
        max_weight=plan.max_weight,
        encrypted=everything,
        encryption=params,
        weight=Placement.ENCRYPTED,
        min_clients=2,
    )
    job = LocalJob(small, client_names(2), np.zeros(count, dtype=np.float32))
    record = job.run(_unchanged)
    frames = [part.payload for part in record.uploads[0].parts if isinstance(part, Sealed)]
    start = perf_counter()
    job.opened_model()
    seconds = perf_counter() - start + client_seconds(record, 2)
    return EncryptionRates(len(frames[0]) - params.upload_bytes(count + 1), seconds / 2)


def masked_round(plan: Plan, masking: Masking, size: int) -> LocalRecord:
    """A round of a model of this many values, all masked, with the plan's clients."""
    small = Plan.of(
        Layout(("w",), ((size,),)),
        clients=plan.clients,
        max_weight=plan.max_weight,
        masking=replace(masking, shrunk=()),
        min_clients=plan.min_clients,
    )
    return LocalJob(small, client_names(plan.clients), np.zeros(size, dtype=np.float32)).run(_unchanged)


def _reply_bytes() -> int:
    """Around an upload in the phase of contributions; the same whatever it holds."""
    layout = Layout(("w",), ((1,),))
    clear = Selection(layout, np.ones(1, dtype=np.bool_), "all")
    small = Plan.of(layout, clients=2, max_weight=1, clear=clear, weight=Placement.CLEAR, min_clients=2)
    record = LocalJob(small, client_names(2), np.zeros(1, dtype=np.float32)).run(_unchanged)
    upload = record.uploads[0]
    return record.bytes_of(upload.client)[0] - upload.nbytes


def _unchanged(_: str, model: NDArray[np.float32]) -> Trained:
    return Trained(1, {}, model, model)


def client_seconds(record: LocalRecord, clients: int) -> float:
    """Of one client in all phases, what its training takes included."""
    return sum(s for (_, side), s in record.seconds.items() if side is Side.CLIENTS) / clients
