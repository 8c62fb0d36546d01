from .agents import Agents as Agents
from .auditing import audit as audit
from .classifier import IncentiveClassifier as IncentiveClassifier
from .costs import LpCost as LpCost
from .costs import QuadraticCost as QuadraticCost
from .designing.design import design as design
from .designing.sweep import frontier as frontier
from .effort_matrix import EffortMatrix as EffortMatrix
from .graph import CausalGraph as CausalGraph
from .implementation import implementable as implementable
from .revealing import reveal as reveal
from .rules import LinearRule as LinearRule

__all__ = [
    "Agents",
    "CausalGraph",
    "EffortMatrix",
    "IncentiveClassifier",
    "LinearRule",
    "LpCost",
    "QuadraticCost",
    "audit",
    "design",
    "frontier",
    "implementable",
    "reveal",
]
