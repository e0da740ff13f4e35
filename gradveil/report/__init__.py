"""The report of an audit and the leaderboard of several: self-contained HTML pages."""

from gradveil.report.leaderboard import write_leaderboard
from gradveil.report.page import NoRunError, write_report

__all__ = ["NoRunError", "write_leaderboard", "write_report"]
