"""Open a page as a reader does, and fail on anything a self-contained page must not do.

Usage::

    with open_page(path, width=360, dark=True) as page:
        page.click("th button")
        page.screenshot(path="/tmp/page.png")

On leaving, any console error or warning, page error, or request other than the file itself and
``data:`` URLs is an ``AssertionError``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def open_page(
    path: str | Path, *, width: int = 1200, dark: bool = False, javascript: bool = True
) -> Iterator[Page]:
    """Yield the file at `path`, opened in headless Chromium at `width` CSS pixels."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="browser tests need: pip install playwright"
    )
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        pytest.skip(f"browser tests need one of {', '.join(_BROWSERS)} on the PATH")
    url = Path(path).resolve().as_uri()
    complaints: list[str] = []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
                java_script_enabled=javascript,
            )
            page = context.new_page()
            page.on("console", lambda message: _note(complaints, message))
            page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
            page.on("request", lambda request: _trace(complaints, request.url, url))
            page.goto(url)
            yield page
        finally:
            browser.close()
    assert not complaints, "\n".join([f"{path} is not clean:", *complaints])


def _note(complaints: list[str], message: object) -> None:
    if message.type in {"error", "warning"}:  # type: ignore[attr-defined]
        complaints.append(f"console {message.type}: {message.text}")  # type: ignore[attr-defined]


def _trace(complaints: list[str], requested: str, url: str) -> None:
    if requested.split("#")[0] != url and not requested.startswith("data:"):
        complaints.append(f"request: {requested}")
