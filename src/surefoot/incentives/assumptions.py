"""What every answer of this room rests on, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

ASSUMPTIONS: Mapping[str, str] = {
    "Everything is linear": (
        "A unit of effort does as much for somebody high as for somebody low, and the rule adds up "
        "weighted features. Features that are counts or yes and no are treated as if they could "
        "move by halves."
    ),
    "The graph is right": (
        "Arrows and weights say what acting on a cause does. Weights that were learnt from a "
        "table are such effects only if nothing that is not in the table moves cause and effect "
        "alike (no hidden confounding). Data can't show that; trials and experts can, and their "
        "weights can be set. An audit says how far each arrow may be off."
    ),
    "Costs are what was declared": (
        "One unit of effort on one thing is compared with one unit on another. Which share of "
        "effort is wanted depends on these units and costs; try others before you trust a share."
    ),
    "People are rational": (
        "Each takes the least costly way to pass, and takes it only if passing is worth it. Real "
        "people are advised, habitual, tired and unlike each other."
    ),
    "No advice to anybody": (
        "What moves a score is not what does a person good. Nothing here is medical, financial or "
        "legal advice."
    ),
}


def assumptions() -> str:
    """Return all of them as paragraphs."""
    return "\n\n".join(f"**{title}.** {text}" for title, text in ASSUMPTIONS.items())
