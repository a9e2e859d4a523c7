"""The verbs that a page asks of loaded engines; another object with the same names may stand in for this file."""

from uait.stages.ask import ask, explain
from uait.stages.compare import beside, compare
from uait.stages.evaluate import evaluate_drawn

__all__ = ["ask", "beside", "compare", "evaluate_drawn", "explain"]
