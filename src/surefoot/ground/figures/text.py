"""Text in a drawing: how wide it is, where it breaks, which characters it may hold."""

from __future__ import annotations

import re
import unicodedata

# Advance widths in em, measured on Liberation Sans (the metrics of Arial and Helvetica).
_NARROW = frozenset("iljtfrI.,:;'|!()[]{}/\\ ·-")
_WIDE = frozenset("mwMW@%—→←⁻")
# What XML forbids, and halves of surrogate pairs (undecodable bytes in a file name).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: object) -> str:
    """Return `text` with characters that neither HTML nor XML can hold shown as U+FFFD."""
    lines = str(text).replace("\r\n", "\n").replace("\r", "\n")  # as every parser reads them
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", lines)


def width_of(text: str, size: float) -> float:
    """Estimate the width of `text` in pixels at font size `size`, generously."""
    return size * sum(map(_em, text))


def wrapped(text: str, room: float, size: float, lines: int = 2) -> list[str]:
    """Break `text` at spaces into at most `lines` lines of width `room`; the rest becomes ``…``."""
    words = clean(text).split()
    broken: list[str] = []
    while words and len(broken) < lines:
        line = words.pop(0)
        while words and width_of(f"{line} {words[0]}", size) <= room:
            line += f" {words.pop(0)}"
        broken.append(line)
    if words:
        broken[-1] = f"{broken[-1]} {' '.join(words)}"
    return [shortened(line, room, size) for line in broken] or [""]


def shortened(text: str, room: float, size: float) -> str:
    """Cut `text` so that it fits `room`, marking the cut with ``…``."""
    if width_of(text, size) <= room:
        return text
    left = room - width_of("…", size)
    kept = 0
    for character in text:
        left -= size * _em(character)
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def _em(character: str) -> float:
    if character in _NARROW:
        return 0.34
    if character in _WIDE:
        return 0.9
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    return 0.7 if character.isupper() else 0.57
