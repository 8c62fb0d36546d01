from .engine import ChainEngine as ChainEngine
from .estimators import SGDInferenceClassifier as SGDInferenceClassifier
from .estimators import SGDInferenceRegressor as SGDInferenceRegressor
from .harness import coverage as coverage
from .health import ConfidenceWarning as ConfidenceWarning
from .linear.linear_sa import LinearSA as LinearSA
from .linear.td import TDLearner as TDLearner
from .modules.chained_sgd import ChainedSGD as ChainedSGD
from .pilot import fit_pilot as fit_pilot
from .result import InferenceResult as InferenceResult
from .schedule import StepSchedule as StepSchedule
from .streams.row_stream import RowStream as RowStream

__all__ = [
    "ChainEngine",
    "ChainedSGD",
    "ConfidenceWarning",
    "InferenceResult",
    "LinearSA",
    "RowStream",
    "SGDInferenceClassifier",
    "SGDInferenceRegressor",
    "StepSchedule",
    "TDLearner",
    "coverage",
    "fit_pilot",
]
