"""The process that a surrogate is to stand in for: its inputs, its outputs, its call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.calls import Call, CommandCall, FunctionCall
from surefoot.surrogates.simulation.space import Space
from surefoot.surrogates.simulation.tables import split_table

if TYPE_CHECKING:
    import pandas as pd


# Columns that the table of runs has beside inputs and outputs, after the run's name.
BOOKKEEPING = ("status", "reason", "wall_s", "cpu_s", "replicate", "design")


@dataclass(frozen=True)
class Simulator:
    """A simulator, a program or table of finished runs; made by one of the three ``from_…``.

    Attributes
    ----------
    id : str
        What it is called: ``module:function``, the command without folders, or the table.
    version : str
        As the user says; raise it when the results change and the source does not show it.
    fingerprint : str
        SHA-256 of the source: of the function's text, of the command and the files among its
        words, or of the table. What those call in turn is not seen.
    space : Space
        Its inputs.
    outputs : tuple of str
        Its outputs, each a number or a field (a list of numbers, always as long).
    stochastic : bool
        Whether the same inputs may give other outputs.
    timeout : float or None
        Limit of one run in seconds.
    call : Call or None
        How to call it; None for a table.
    table : tuple of two DataFrames or None
        Inputs and outputs of the finished runs of a table.
    """

    id: str
    version: str
    fingerprint: str
    space: Space
    outputs: tuple[str, ...]
    stochastic: bool = False
    timeout: float | None = None
    call: Call | None = field(default=None, repr=False)
    table: tuple[pd.DataFrame, pd.DataFrame] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.space, Space):
            raise InputError("space", self.space, "a Space")
        if isinstance(self.outputs, str) or not self.outputs:
            raise InputError("outputs", self.outputs, "a list of one or more names")
        object.__setattr__(self, "outputs", tuple(self.outputs))
        names = [*self.space.names, *self.outputs]
        for name in names:
            if not isinstance(name, str) or not name or names.count(name) > 1:
                raise InputError("outputs", name, "different names, none of them also an input")
            if name in ("run", *BOOKKEEPING):
                raise InputError("names", name, f"any but run, {', '.join(BOOKKEEPING)}")
        if self.stochastic and "seed" in names:
            raise InputError("space", "an input 'seed'", "another name: the seed has this one")
        if not isinstance(self.version, str) or not self.version:
            raise InputError("version", self.version, "text, such as '1.3'")
        limit = self.timeout
        if limit is not None and not (isinstance(limit, int | float) and 0 < limit < math.inf):
            raise InputError("timeout", limit, "seconds above 0, or None")

    @classmethod
    def from_callable(
        cls,
        function: str | Callable[..., Any],
        space: Space,
        outputs: Sequence[str],
        *,
        version: str = "1",
        stochastic: bool = False,
        timeout: float | None = None,
    ) -> Simulator:
        """Return a simulator that is a Python function.

        Parameters
        ----------
        function : callable or str
            Called with the inputs as keyword arguments, and with ``seed`` if it is stochastic and
            takes that. Returns a mapping of outputs, a value for each output in order, or the value
            of the only one. Workers import it by name, ``"package.module:function"``; a lambda, a
            function inside another or one of the script itself runs with ``executor="serial"``.
        space, outputs, version, stochastic, timeout
            See `Simulator`. The time-out of a function does not hold on Dask workers.
        """
        call = FunctionCall.of(function)
        return cls(
            call.id, version, call.fingerprint, space, tuple(outputs), stochastic, timeout, call
        )

    @classmethod
    def from_command(
        cls,
        argv: Sequence[str],
        space: Space,
        outputs: Sequence[str],
        *,
        version: str = "1",
        stochastic: bool = False,
        timeout: float | None = 60.0,
    ) -> Simulator:
        """Return a simulator that is a program.

        Every run has a fresh folder; what is in it afterwards is deleted. An exit code other than 0
        is a failed run, and output that can't be read, or lacks a finite value, an invalid one.

        Parameters
        ----------
        argv : sequence of str
            Its words, with placeholders, see `calls.CommandCall`; such as
            ``["solver", "{params.json}", "{out.json}"]``. No shell is involved.
        space, outputs, version, stochastic, timeout
            See `Simulator`.
        """
        names = space.names if isinstance(space, Space) else []
        call = CommandCall.of(argv, names, stochastic=stochastic, timeout=timeout)
        return cls(
            call.id, version, call.fingerprint, space, tuple(outputs), stochastic, timeout, call
        )

    @classmethod
    def from_table(
        cls,
        table: str | Path | pd.DataFrame,
        outputs: Sequence[str],
        space: Space | None = None,
        *,
        version: str = "1",
        stochastic: bool = False,
    ) -> Simulator:
        """Return the finished runs of a simulator that can't be called.

        Parameters
        ----------
        table : path or DataFrame
            A CSV or Parquet file, or a table, with a column for each input and output. A row
            without any output is a run that failed.
        outputs : sequence of str
            Columns that are outputs.
        space : Space, optional
            By default the box around all other columns.
        version, stochastic
            See `Simulator`.

        Raises
        ------
        InputError
            If a file can't be read, has no header, lacks a column, or an input is not a value of
            its dimension; the message names the row.
        """
        name, fingerprint, space, parts = split_table(table, space, outputs)
        return cls(name, version, fingerprint, space, tuple(outputs), stochastic, table=parts)
