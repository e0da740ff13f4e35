"""One update, one question: what can be read out of it?"""

from gradveil.inspection.answer import Answer
from gradveil.inspection.asking import ask
from gradveil.inspection.attempts import Attempt, preset_order
from gradveil.inspection.errors import InspectionError
from gradveil.inspection.evidence import evidence_of
from gradveil.inspection.question import Question

__all__ = ["Answer", "Attempt", "InspectionError", "Question", "ask", "evidence_of", "preset_order"]
