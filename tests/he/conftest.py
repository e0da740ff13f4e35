import pytest

from he import CkksParams, ClientKey, Encryption, PackedParams

PUBLIC = {"encryption": Encryption.PUBLIC_KEY}
PARAMS = {
    "packed": PackedParams(),
    "packed-public": PackedParams(modulus_bits=54, fields=1, field_bits=30, step_bits=22, **PUBLIC),
    "ckks": CkksParams(),
    "ckks-public": CkksParams(scale_bits=44, modulus_bits=54, step_bits=20, max_abs=4.0, **PUBLIC),
}


@pytest.fixture(scope="session", params=PARAMS.values(), ids=PARAMS)
def key(request):
    """Of each scheme, under a shared and under a public key."""
    return ClientKey.generate(request.param, "job")


@pytest.fixture(scope="session")
def encrypting(key):
    """What a client encrypts with."""
    return key.public_key() if key.params.encryption is Encryption.PUBLIC_KEY else key


@pytest.fixture(scope="session")
def shared_key():
    return ClientKey.generate(PARAMS["packed"], "job")


@pytest.fixture(scope="session")
def holder_key():
    """The key holder's, with public keys for the clients."""
    return ClientKey.generate(PARAMS["packed-public"], "job")
