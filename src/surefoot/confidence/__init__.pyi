from .engine import ChainEngine as ChainEngine
from .estimators import SGDInferenceClassifier as SGDInferenceClassifier
from .estimators import SGDInferenceRegressor as SGDInferenceRegressor
from .health import ConfidenceWarning as ConfidenceWarning
from .pilot import fit_pilot as fit_pilot
from .result import InferenceResult as InferenceResult
from .schedule import StepSchedule as StepSchedule

__all__ = [
    "ChainEngine",
    "ConfidenceWarning",
    "InferenceResult",
    "SGDInferenceClassifier",
    "SGDInferenceRegressor",
    "StepSchedule",
    "fit_pilot",
]
