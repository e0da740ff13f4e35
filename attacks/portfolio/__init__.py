"""Several adversaries on one victim, of whom the strongest counts, chosen without the truth."""

from attacks.portfolio.informed import Informed
from attacks.portfolio.portfolio import Portfolio

__all__ = ["Informed", "Portfolio"]
