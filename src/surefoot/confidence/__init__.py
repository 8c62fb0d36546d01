"""The room `confidence`. How sure is SGD of what it learned?

While one pass of SGD trains a model, hundreds of copies run beside it whose gradient at every row
is multiplied by a random weight of mean 1 and variance 1. The spread of the averaged copies around
the averaged run imitates the sampling error of that run, and confidence sets are read off it: one
pass, no Hessian, any loss that has gradients.
"""

import lazy_loader

# The names are listed once, in __init__.pyi, where type checkers and editors see them too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
