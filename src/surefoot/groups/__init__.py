"""The room `groups`. Does it work for the minority groups too?

A model can be right on average because it learned a shortcut that holds for most examples, and
fail the few for whom it does not hold. This room trains with FairDropout (example-tied dropout),
which needs no group labels, compares it fairly with what else one could do, reports worst-group
accuracy with intervals that are valid for the worst group, and says where a gain comes from.

The methods to compare with are in `surefoot.groups.rivals`, the tools for models of your own in
`surefoot.groups.surgery`, recipes for Lightning and the Hugging Face Trainer in
`surefoot.groups.lightning` and `surefoot.groups.huggingface`. Guide: docs/groups.md.
"""

import lazy_loader

# The names are listed once, in __init__.pyi, where type checkers and editors see them too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
