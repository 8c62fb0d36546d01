from .attachment import attach as attach
from .attachment import tied as tied
from .batchnorm import recalibrate_batchnorm as recalibrate_batchnorm
from .classifier import FairDropoutClassifier as FairDropoutClassifier
from .comparison import compare as compare
from .diagnosis import diagnose as diagnose
from .examples import IndexedDataset as IndexedDataset
from .examples import stable_id as stable_id
from .folding import fold as fold
from .layer import FairDropout as FairDropout
from .report import group_report as group_report
from .tuning import tune as tune

__all__ = [
    "FairDropout",
    "FairDropoutClassifier",
    "IndexedDataset",
    "attach",
    "compare",
    "diagnose",
    "fold",
    "group_report",
    "recalibrate_batchnorm",
    "stable_id",
    "tied",
    "tune",
]
