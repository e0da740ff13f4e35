"""Which coordinates of an update travel how, for all rounds of one job."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.exchange import Coords, Layout, Selection, wire
from gradveil.plan import checks
from gradveil.plan.description import KIND, VERSION, describe
from gradveil.plan.errors import PlanError
from gradveil.plan.masking import Masking
from gradveil.plan.noise import Noise
from gradveil.plan.split import Metric, Placement, Purpose, Split
from secagg import FixedPoint, RoundConfig
from secagg.noise import PrivacyClaim

Float = TypeVar("Float", np.float32, np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """One job's protection, the same for all parties; compare plans by `hash`.

    What is neither encrypted nor clear nor dropped is masked: a coordinate that nobody thought of is not
    left readable.

    Attributes:
        layout: of the model.
        clients: most clients in a round.
        max_weight: largest number of examples of one client.
        encrypted: coordinates under homomorphic encryption; their values reach nobody but key holders.
        clear: coordinates that the server reads of each client.
        dropped: coordinates that clients do not send; the global model keeps its value there.
        encryption: of the encrypted coordinates, under the clients' shared key.
        masking: of the masked ones.
        weight: where numbers of examples and metrics travel.
        metrics: what the server learns besides the model; what is not listed stays on the client.
        min_clients: fewest clients in a sum.

    Raises:
        PlanError: parts that overlap, lack their protection, or cannot give a mean.
        LayoutMismatchError: a selection of another model.
        ProtocolError, OverflowRefusedError: a masking that no client would accept.
    """

    layout: Layout
    clients: int
    max_weight: int
    encrypted: Selection
    clear: Selection
    dropped: Selection
    encryption: he.Params | None = None
    masking: Masking | None = None
    weight: Placement = Placement.MASKED
    metrics: tuple[Metric, ...] = ()
    min_clients: int = 3

    def __post_init__(self) -> None:
        for selection in (self.encrypted, self.clear, self.dropped):
            self.layout.require_same(selection.layout)
        checks.require_ranges(self)
        checks.require_parts(self)
        checks.require_shrunk(self)
        checks.require_weight(self)
        checks.require_metrics(self)
        checks.require_noise(self)
        checks.require_capacity(self)

    @classmethod
    def of(
        cls,
        layout: Layout,
        *,
        clients: int,
        max_weight: int,
        encrypted: Selection | None = None,
        clear: Selection | None = None,
        dropped: Selection | None = None,
        encryption: he.Params | None = None,
        masking: Masking | None = None,
        weight: Placement = Placement.MASKED,
        metrics: tuple[Metric, ...] = (),
        min_clients: int = 3,
    ) -> Self:
        """A plan in which a part that is not named is empty; all else, and errors, as of the class."""
        nothing = Selection(layout, np.zeros(layout.size, dtype=np.bool_), "nothing")
        return cls(
            layout=layout,
            clients=clients,
            max_weight=max_weight,
            encrypted=encrypted or nothing,
            clear=clear or nothing,
            dropped=dropped or nothing,
            encryption=encryption,
            masking=masking,
            weight=weight,
            metrics=metrics,
            min_clients=min_clients,
        )

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the file's bytes, 32 bytes."""
        return hashlib.sha256(b"gradveil plan v3\0" + self.to_bytes()).digest()

    def to_bytes(self) -> bytes:
        """Canonical bytes; `gradveil.plan.file` reads them."""
        parts = (self.encrypted, self.clear, self.dropped)
        return wire.pack(KIND, VERSION, [describe(self), *(part.to_bytes() for part in parts)])

    @cached_property
    def masked(self) -> NDArray[np.bool_]:
        """True at the model's masked coordinates, shape (layout.size,)."""
        found: NDArray[np.bool_] = ~(self.encrypted.mask | self.clear.mask | self.dropped.mask)
        return found

    def shrink(self, change: NDArray[np.float32]) -> NDArray[np.float32]:
        """A client's change of the model as it meets the clip, `Masking.shrunk` divided; shape as given."""
        return self._rescaled(change, lambda factor: 1 / factor)

    def restore(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What `shrink` divided multiplied again, in a vector that begins with the model's coordinates."""
        return self._rescaled(values, lambda factor: factor)

    def _rescaled(self, values: NDArray[Float], by: Callable[[float], float]) -> NDArray[Float]:
        found = values.copy()
        for one in () if self.masking is None else self.masking.shrunk:
            found[self.layout.slices[one.tensor]] *= by(one.factor)
        return found

    @property
    def unit(self) -> float:
        """The power of two from `max_weight` on by which contributions are divided before encryption."""
        return 2.0 ** math.ceil(math.log2(self.max_weight))

    @property
    def encoding(self) -> FixedPoint:
        """Numbers on the ring; PlanError if nothing is masked."""
        if self.masking is None:
            raise PlanError("the plan masks nothing; ask for `masking` first")
        return self.masking.encoding(self.clients, self.max_weight)

    @property
    def noise(self) -> Noise | None:
        """On the sum of what is masked, which is all that travels then."""
        return None if self.masking is None else self.masking.noise

    def claim(self, rounds: int) -> PrivacyClaim | None:
        """What the noise proves of so many rounds; None without noise.

        Raises:
            MissingAccountantError: the package `dp-accounting` is not installed.
        """
        if self.noise is None:
            return None
        return self.noise.mechanism(self.encoding, self.train.masked_values.size, rounds).claim

    @cached_property
    def train(self) -> Split:
        """How a training contribution travels."""
        return _split(self, Purpose.TRAIN)

    @cached_property
    def evaluation(self) -> Split | None:
        """How the metrics of an evaluation travel; None if the plan has no such metrics."""
        wanted = any(metric.purpose is Purpose.EVALUATE for metric in self.metrics)
        return _split(self, Purpose.EVALUATE) if wanted else None

    def split(self, purpose: Purpose) -> Split:
        """Of this kind of round; PlanError for an evaluation without metrics."""
        found = self.train if purpose is Purpose.TRAIN else self.evaluation
        if found is None:
            raise PlanError("the plan lists no metrics of an evaluation; add some, or do not evaluate")
        return found

    def metrics_of(self, purpose: Purpose) -> tuple[Metric, ...]:
        """Metrics in the order of their coordinates."""
        return tuple(metric for metric in self.metrics if metric.purpose is purpose)

    def binding(self, round_: int) -> he.Binding:
        """What the encrypted values of a round stand for."""
        split = self.train
        return he.Binding(round_, split.layout.hash, self.encrypted.hash, split.encrypted.size)

    def config(self, split: Split, *, session: bytes, round_: int, context: bytes) -> RoundConfig:
        """One round's secure aggregation; PlanError if nothing is masked."""
        if self.masking is None:
            raise PlanError("the plan masks nothing; ask for `masking` first")
        length = split.masked_values.size
        return self.masking.config(self.encoding, length, session=session, round_=round_, context=context)


def _split(plan: Plan, purpose: Purpose) -> Split:
    metrics, training = plan.metrics_of(purpose), purpose is Purpose.TRAIN
    names = tuple(f"metric:{metric.name}" for metric in metrics)
    before = (plan.layout.names, plan.layout.shapes) if training else ((), ())
    layout = Layout((*before[0], *names), (*before[1], *(() for _ in names)))
    parameters = plan.layout.size if training else 0
    beside = np.arange(parameters, layout.wire_size, dtype=np.int64)  # metrics and the weight

    def part(place: Placement, mask: NDArray[np.bool_]) -> Coords:
        own = np.flatnonzero(mask).astype(np.int64) if training else np.empty(0, np.int64)
        return np.concatenate([own, beside]) if plan.weight is place else own

    return Split(
        layout,
        parameters,
        part(Placement.ENCRYPTED, plan.encrypted.mask),
        part(Placement.MASKED, plan.masked),
        part(Placement.CLEAR, plan.clear.mask),
    )
