"""The room `incentives`. What will people do to pass, and is it what we want?

A score that decides about people moves them: effort goes where the rule and the causal graph make
it pay. Here that effort is computed for whole populations, under full and under partial
information; the share of it that is wanted is audited; and the most accurate rule is designed that
rewards what is wanted, with a certificate.
"""

import lazy_loader

# The names are listed once, in __init__.pyi, where type checkers and editors see them too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
