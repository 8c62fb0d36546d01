"""Refresh what the guides show: tables from stored results, pictures of pages.

``python docs/refresh.py``            rewrite the tables between the markers of docs/*.md
``python docs/refresh.py STUDY_DIR``  first store the results of full studies (out/study) and take
                                      a picture of each page
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
import tables_averaging  # noqa: E402
import tables_confidence  # noqa: E402
import tables_groups  # noqa: E402
import tables_incentives  # noqa: E402
import tables_surrogates  # noqa: E402

ROOMS: dict[str, ModuleType] = {
    "groups": tables_groups,
    "averaging": tables_averaging,
    "confidence": tables_confidence,
    "incentives": tables_incentives,
    "surrogates": tables_surrogates,
}


def stored(room: str) -> Path:
    """Return where the results of a room's study are kept."""
    return DOCS / "results" / f"{room}.csv"


def rewritten(text: str) -> str:
    """Return a guide with its marked tables up to date."""
    for room, module in ROOMS.items():
        for name, table in module.tables(pd.read_csv(stored(room))).items():
            pattern = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
            text = re.sub(pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.S)
    return text


def store(study: Path, room: str) -> None:
    """Keep the selected figures of a study, and a picture of its page."""
    table = pd.read_parquet(study / room / "results.parquet")
    table = table[table["metric"].isin(ROOMS[room].KEPT)]
    stored(room).parent.mkdir(exist_ok=True)
    table.drop(columns="variant").to_csv(stored(room), index=False, float_format="%.6g")
    sys.path.insert(0, str(DOCS.parent))
    from tests.browser import open_page

    with open_page(study / room / "index.html", width=1100) as page:
        page.set_viewport_size({"width": 1100, "height": 1500})
        page.locator(ROOMS[room].PICTURED).first.evaluate(
            "e => e.scrollIntoView({behavior: 'instant'})"
        )
        page.screenshot(path=DOCS / "pictures" / f"{room}.png")


def main() -> None:
    for room in ROOMS if len(sys.argv) > 1 else ():
        if (Path(sys.argv[1]) / room / "results.parquet").exists():
            store(Path(sys.argv[1]), room)
    for guide in DOCS.glob("*.md"):
        guide.write_text(rewritten(guide.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
