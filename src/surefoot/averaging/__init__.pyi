from .averager import WeightAverager as WeightAverager
from .batchnorm import recalibrate as recalibrate
from .horizon import HorizonSearch as HorizonSearch
from .merge import merge_checkpoints as merge_checkpoints
from .recursions import EMA as EMA
from .recursions import PowerEMA as PowerEMA
from .recursions import Tail as Tail
from .segments import SegmentMeans as SegmentMeans
from .targets import TimeToTarget as TimeToTarget
from .two_tailed import TwoTailed as TwoTailed
from .window import LAWA as LAWA

__all__ = [
    "EMA",
    "LAWA",
    "HorizonSearch",
    "PowerEMA",
    "SegmentMeans",
    "Tail",
    "TimeToTarget",
    "TwoTailed",
    "WeightAverager",
    "merge_checkpoints",
    "recalibrate",
]
