"""The room `averaging`. Could averaging the weights get there sooner?

The last iterate of a training run is noisy; an average of recent iterates is a better model now,
at next to no cost. This room keeps several averages at once beside any torch model, resumes them
exactly, serves them without harm, lets the horizon be chosen after the run, merges checkpoints on
disk in bounded memory, and reports honestly how much sooner a target is reached.

Recipes for Lightning and the Hugging Face Trainer are in `surefoot.averaging.lightning` and
`surefoot.averaging.huggingface`. Guide: docs/averaging.md.
"""

import lazy_loader

# The names are listed once, in __init__.pyi, where type checkers and editors see them too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
