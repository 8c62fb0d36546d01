from .chained_sgd import ChainedSGD as ChainedSGD
from .engine import ChainEngine as ChainEngine
from .estimators import SGDInferenceClassifier as SGDInferenceClassifier
from .estimators import SGDInferenceRegressor as SGDInferenceRegressor
from .harness import coverage as coverage
from .health import ConfidenceWarning as ConfidenceWarning
from .pilot import fit_pilot as fit_pilot
from .result import InferenceResult as InferenceResult
from .row_stream import RowStream as RowStream
from .schedule import StepSchedule as StepSchedule

__all__ = [
    "ChainEngine",
    "ChainedSGD",
    "ConfidenceWarning",
    "InferenceResult",
    "RowStream",
    "SGDInferenceClassifier",
    "SGDInferenceRegressor",
    "StepSchedule",
    "coverage",
    "fit_pilot",
]
