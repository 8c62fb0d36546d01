"""The room `surrogates`. Can a fast model stand in for the simulator, and who checked?

Declare the simulator and the space of its inputs, run it so that nothing is lost, compare many
kinds of surrogates on one table of folds, score them on the task they are meant for, and hand over
a card whose numbers were computed and can be computed again by somebody else.
"""

import lazy_loader

# The names are listed once, in __init__.pyi, where type checkers and editors see them too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
