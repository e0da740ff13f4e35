"""What all parts of an audit's configuration share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Ratio = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bits = Annotated[int, Field(ge=2, le=16)]


class Checked(BaseModel):
    """Immutable, of exactly these fields and types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
