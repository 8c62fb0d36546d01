"""One download over HTTP, with the progress bar of the house."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from surefoot.ground.progress import Step, progress

_TIMEOUT_S = 30
_CHUNK_BYTES = 65_536


class DownloadError(Exception):
    """The address could not be reached, or did not give the file."""


def download(url: str, path: Path) -> None:
    """Write what is at `url` to `path`, or raise `DownloadError`."""
    import pooch
    import requests

    with ExitStack() as stack:
        bar = _Bar(f"{url.rpartition('/')[2]}, kB", stack)
        get = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_S)
        try:
            get(url, str(path), None)
        except requests.RequestException as error:
            msg = f"{url} failed: {error}"
            raise DownloadError(msg) from error


class _Bar:
    """The progress bar that pooch asks for, shown in kilobytes.

    Pooch sets `total` when the answer begins, calls `update` with every chunk, and at the end
    starts over (`reset`) to count the total once.
    """

    total = 0

    def __init__(self, label: str, stack: ExitStack) -> None:
        self._label, self._stack = label, stack
        self._step: Step | None = None
        self._bytes = self._shown = 0

    def update(self, count: int) -> None:
        if self._step is None:
            self._step = self._stack.enter_context(progress(self._label, self.total // 1000))
        self._bytes += count
        # The last chunk is counted in full, so the sum may pass the total.
        reached = min(self._bytes, self.total) // 1000
        if reached > self._shown:
            self._step(reached - self._shown)
            self._shown = reached

    def reset(self) -> None:
        self._bytes = 0

    def close(self) -> None:
        """Nothing to do: leaving the stack closes the bar."""
