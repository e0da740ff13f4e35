"""The defenses in the model that an audit can run, as they stand in its configuration."""

from typing import Annotated, Literal

from pydantic import Field

from gradveil.audit.checked import Checked, Positive


class KeyLockSpec(Checked):
    """Scales and shifts behind batch normalisations from each client's own key."""

    kind: Literal["key_lock"]
    where: Literal["first", "all"] = "first"
    activation: Literal["relu", "sigmoid"] = "relu"
    key_size: Annotated[int, Field(ge=1)] = 1024
    buffers: Literal["shared", "private"] = "shared"
    rate: Positive = 0.01


class SecretPolarizationSpec(Checked):
    """A private head beside the public one, its loss with this weight."""

    kind: Literal["secret_polarization"]
    private_weight: Positive
    public_weight: Positive = 1.0
    bits: Annotated[int, Field(ge=1)] = 64
    margin: Positive = 1.0
    rate: Positive = 0.01


class PrecodeSpec(Checked):
    """A variational bottleneck before a linear layer; the last one, unless named."""

    kind: Literal["precode"]
    size: Annotated[int, Field(ge=1)] = 256
    divergence: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-3
    layer: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0


ModelSpec = KeyLockSpec | SecretPolarizationSpec | PrecodeSpec
"""Of which a chain has one at most."""
