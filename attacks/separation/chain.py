"""From the layer of the logits back through linear layers and ReLUs, example by example."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from attacks.errors import NotApplicableError
from attacks.evidence import Evidence
from attacks.inversion import LayerDistance
from attacks.labels import LabelCandidates
from attacks.labels.embeddings import class_view
from attacks.labels.factors import factorised
from attacks.labels.head import read_head
from attacks.model import Model
from attacks.model.recording import recorded
from attacks.priors import Prior
from attacks.separation.relu import inputs_before_relu

_PROBES = 8


@dataclass(frozen=True, eq=False)
class Separated:
    """What is known of every example of a batch.

    Attributes:
        labels: of the examples, in their order.
        layer: name of the linear layer furthest from the logits that could be taken apart.
        inputs: its inputs (B, n), float64.
    """

    labels: tuple[int, ...]
    layer: str
    inputs: Tensor

    def of(self, examples: Tensor) -> "Separated":
        """The same of some examples, by index."""
        labels = tuple(self.labels[index] for index in examples.tolist())
        return replace(self, labels=labels, inputs=self.inputs[examples])

    def distance(self, model: Model, prior: Prior, precision: float) -> LayerDistance:
        """Of images to these inputs, relative to each example's variation from unit to unit."""
        spread = self.inputs.var(1, keepdim=True).clamp_min(1e-30) * self.inputs.shape[1]
        weights = (precision / spread).expand_as(self.inputs)
        return LayerDistance(model, self.layer, self.inputs, weights, prior)


def separated(evidence: Evidence, model: Model, candidates: LabelCandidates) -> Separated | None:
    """Inputs of a linear layer for every example, under the first labels that explain the last layer.

    Fewer examples than classes, no noise, and the last layer readable with its bias; None otherwise.

    Source: softmax factors as in `attacks.labels.factors`; patterns of ReLU units as restriction on the
    column space: Dimitrov et al. 2024 (SPEAR), section 4, which needs no second layer but searches at random.
    """
    try:
        head = read_head(evidence, model)
    except NotApplicableError:
        return None
    for labels in candidates:
        factors = factorised(head, class_view(head), labels)
        if factors is not None:
            layer, inputs = _before(evidence, model, factors[0])
            return Separated(labels, layer, inputs)
    return None


def _before(evidence: Evidence, model: Model, embeddings: Tensor) -> tuple[str, Tensor]:
    """Name and inputs of the linear layer before the last, if only a ReLU is between; else of the last."""
    last, before = _last_layers(model)
    sums = None if before is None else _sums(evidence, model, before)
    if before is None or sums is None:
        return last, embeddings
    weight = model.parameters[f"{last}.weight"].cpu().double()
    found = inputs_before_relu(embeddings, weight, sums)
    return (last, embeddings) if found is None else (before, found[0])


def _last_layers(model: Model) -> tuple[str, str | None]:
    """Name of the layer of the logits, and of the one that it sees through a ReLU alone, if there is one."""
    names = [name for name, module in model.network.named_modules() if isinstance(module, nn.Linear)]
    rng = torch.Generator().manual_seed(0)
    probes = torch.rand(_PROBES, *model.input_shape, generator=rng).to(model.device, model.dtype)
    with recorded(model.network, names) as calls, torch.no_grad():
        logits = model.logits(probes)
    once = {name: calls[name][0] for name in names if len(calls[name]) == 1}
    last = next(name for name, call in once.items() if torch.equal(call.output, logits))
    seen = once[last].input
    before = [name for name, call in once.items() if torch.equal(call.output.relu(), seen)]
    return last, before[0] if before and f"{before[0]}.bias" in model.parameters else None


def _sums(evidence: Evidence, model: Model, layer: str) -> Tensor | None:
    """Gradient (n, m + 1) of a linear layer, biases last; None if some of it was not read."""
    weight, bias, inputs = model.linear_parts(layer)
    if not bool(evidence.mask[weight].all() and evidence.mask[bias].all()):
        return None
    parts = evidence.values[weight].reshape(-1, inputs), evidence.values[bias][:, None]
    return torch.cat(parts, 1).cpu().double()
