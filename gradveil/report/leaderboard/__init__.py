"""Every defense, its worst adversary, its accuracy, its cost: one self-contained HTML page from records."""

from gradveil.report.leaderboard.entries import Adversary, Entry, entries
from gradveil.report.leaderboard.page import write_leaderboard

__all__ = ["Adversary", "Entry", "entries", "write_leaderboard"]
