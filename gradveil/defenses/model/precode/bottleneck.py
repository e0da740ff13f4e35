"""The variational bottleneck, as everybody knows it."""

from torch import Tensor, nn


class VariationalBottleneck(nn.Module):
    """Features encoded as means and log-variances of a latent code, and decoded from the means.

    It draws nothing: a client lets its noise enter at the encoder's output, in place of the means.

    Args:
        features: number of features, which is that of the outputs, too.
        size: of the latent code.

    Source: Scheliga et al. 2022 (WACV, PRECODE), section 3; Kingma and Welling 2014, appendix B.
    """

    def __init__(self, features: int, size: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(features, 2 * size)
        self.decoder = nn.Linear(size, features)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, features) as the code keeps them."""
        codes, _ = self.encoder(features).chunk(2, dim=1)
        decoded: Tensor = self.decoder(codes)
        return decoded


def bottleneck_of(network: nn.Module) -> VariationalBottleneck | None:
    """The network's bottleneck, if it has one."""
    found = (one for one in network.modules() if isinstance(one, VariationalBottleneck))
    return next(found, None)


def divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal codes (N, size) to standard normal ones, (N,)."""
    return (means.square() + log_variances.exp() - 1 - log_variances).sum(1) / 2
