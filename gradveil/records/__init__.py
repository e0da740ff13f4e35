"""Records of an audit: one JSON line a trial, their store, their summary. Needs numpy, no torch."""

from gradveil.records.bootstrap import Interval
from gradveil.records.record import SCHEMA, Record, RecordError, from_json
from gradveil.records.setting import Setting, setting_of
from gradveil.records.store import RecordStore
from gradveil.records.summary import Row, summarise
from gradveil.records.verdict import verdict

__all__ = [
    "SCHEMA",
    "Interval",
    "Record",
    "RecordError",
    "RecordStore",
    "Row",
    "Setting",
    "from_json",
    "setting_of",
    "summarise",
    "verdict",
]
