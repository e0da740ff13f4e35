"""The report of an audit: one self-contained HTML page."""

from gradveil.report.page import NoRunError, write_report

__all__ = ["NoRunError", "write_report"]
