"""What all keys of one generation share: parameters, job and an identifier."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from gradveil.exchange.errors import WireError
from gradveil.exchange.messages import require_name
from he.params import Params, from_description

KEY_ID_BYTES = 16
MAX_SCOPE_BYTES = 4096


@dataclass(frozen=True)
class Scope:
    """One key generation: never used for a second job.

    Attributes:
        params: of every ciphertext under the key.
        job: name of the training job.
        key_id: 16 random bytes.
    """

    params: Params
    job: str
    key_id: bytes

    def __post_init__(self) -> None:
        require_name(self.job)
        if len(self.key_id) != KEY_ID_BYTES:
            raise WireError("a key's identifier is not 16 bytes; restore the key from a copy")

    @classmethod
    def fresh(cls, params: Params, job: str) -> Self:
        """A scope with a new identifier."""
        return cls(params, job, os.urandom(KEY_ID_BYTES))

    @cached_property
    def job_hash(self) -> bytes:
        """SHA-256 of the job's name, 32 bytes."""
        return hashlib.sha256(b"gradveil he job v1\0" + self.job.encode()).digest()

    def fields(self) -> list[object]:
        """For an envelope: description, job, identifier."""
        return [json.dumps(self.params.describe(), sort_keys=True), self.job, self.key_id]

    @classmethod
    def from_fields(cls, described: str, job: str, key_id: bytes) -> Self:
        """What `fields` gave.

        Raises:
            ParametersError: unsafe parameters.
            WireError: damaged fields.
        """
        try:
            description = json.loads(described)
        except (ValueError, RecursionError) as error:
            raise WireError("a key's parameters are not readable; restore the key from a copy") from error
        if not isinstance(description, dict):
            raise WireError("a key's parameters are not readable; restore the key from a copy")
        return cls(from_description(description), job, key_id)
