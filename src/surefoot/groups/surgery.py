"""Tools for models of your own: where FairDropout can stand, what it disturbs, how to serve it."""

from surefoot.groups.attachment import attach, detach, fair_layers, memory_mode, tied
from surefoot.groups.batchnorm import recalibrate_batchnorm
from surefoot.groups.expansion import expand_units
from surefoot.groups.folding import fold
from surefoot.groups.norms import BatchNormWarning
from surefoot.groups.placement import Placement, suggest_placements

__all__ = [
    "BatchNormWarning",
    "Placement",
    "attach",
    "detach",
    "expand_units",
    "fair_layers",
    "fold",
    "memory_mode",
    "recalibrate_batchnorm",
    "suggest_placements",
    "tied",
]
