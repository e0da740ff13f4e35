import pytest

from gradveil.audit import AuditConfig


@pytest.fixture
def tiny() -> AuditConfig:
    """Small enough for seconds, with one defense of each kind."""
    return AuditConfig.model_validate(
        {
            "name": "tiny",
            "models": ["lenet"],
            "victims": 2,
            "attacks": ["guess", "closed_form"],
            "defenses": [
                {"kind": "identity"},
                {"kind": "gaussian_noise", "std": 0.01},
                {"kind": "selective_ckks", "strategy": "magnitude", "ratios": [0.1]},
                {"kind": "secure_aggregation"},
            ],
        }
    )
