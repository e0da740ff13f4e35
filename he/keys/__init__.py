"""Key material by role: who may decrypt, who may encrypt, who may only add."""

from he.keys.client import ClientKey
from he.keys.public import PublicKey, ServerKey

__all__ = ["ClientKey", "PublicKey", "ServerKey"]
