"""The project file: a simulator, its inputs, a design, tasks and declarations, in TOML."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.project_files import checked, read_project, within
from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.project_keys import (
    COMPARE,
    DESIGN,
    OF_ANY_SIMULATOR,
    SIMULATOR,
    SOURCES,
    TABLES,
    TASKS,
)
from surefoot.surrogates.simulation.calls import CommandCall
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Space
from surefoot.surrogates.simulation.study import Study

STORE = "study"


@dataclass(frozen=True)
class Project:
    """What a project file says.

    Attributes
    ----------
    path : Path
        Of the file. Relative paths in it start from its folder, and the runs are kept there too,
        in the folder ``study``.
    simulator : Simulator
    design : Design or None
        Which runs are asked for.
    settings : mapping
        Parameters of `SurrogateRegressor`.
    tasks : tuple
        What the surrogate is for.
    declared : mapping
        Fields of the card that can't be measured, by section.
    """

    path: Path
    simulator: Simulator
    design: Design | None
    settings: Mapping[str, Any]
    tasks: tuple[Any, ...]
    declared: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> Project:
        """Read a project file.

        Its folder is put in front of `sys.path`, as a simulator that is a function may lie beside
        it. Local workers inherit that; on a Dask cluster the function has to be importable already.

        Raises
        ------
        InputError
            If there is no such file, it is not TOML, or something in it is unknown, missing or not
            allowed; the message names table and key.
        """
        path = Path(path)
        content = checked(
            f"{path}, table", read_project(path, "surefoot surrogates init"), TABLES, ["simulator"]
        )
        simulator = _simulator(path, content)
        return cls(
            path,
            simulator,
            _design(f"{path}, [design]", content.get("design")),
            checked(f"{path}, [compare]", content.get("compare", {}), COMPARE),
            tuple(
                _task(f"{path}, [[tasks]] {number}:", table, simulator.outputs)
                for number, table in enumerate(content.get("tasks", []), start=1)
            ),
            _declared(f"{path}, [card]", content.get("card", {})),
        )

    def study(self) -> Study:
        """Return the study of the simulator, with the runs it has so far."""
        return Study(self.simulator, self.path.parent / STORE, self.tasks)

    def design_to_run(self) -> Design:
        """Return the design, or say that there is none."""
        if self.design is None:
            raise InputError(str(self.path), "no table [design]", "one with kind and n")
        return self.design

    def refuse_absent_program(self) -> None:
        """Say before anything is run that the program of a command is not there.

        Whoever only reads the runs, such as an auditor, need not have it.
        """
        if not isinstance(self.simulator.call, CommandCall):
            return
        where = f"{self.path}, [simulator] command"
        program, *words = self.simulator.call.argv
        script = words[0] if words else "-"
        if program == "{python}":
            if script[:1] not in ("-", "{") and not Path(script).is_file():
                raise InputError(where, script, f"a script, such as one beside {self.path.name}")
        elif "{" not in program and shutil.which(program) is None:
            raise InputError(where, program, f"a program, on the PATH or beside {self.path.name}")


def _simulator(path: Path, content: Mapping[str, Any]) -> Simulator:
    place, folder = f"{path}, [simulator]", path.parent
    options = checked(place, content["simulator"], SIMULATOR, ["outputs"])
    sources = [name for name in SOURCES if name in options]
    if len(sources) != 1:
        found = " and ".join(sources) or "none of them"
        raise InputError(place, found, "one of command, function and table")
    source, outputs = options.pop(sources[0]), options.pop("outputs")
    with within(f"{path},"):
        space = Space.from_dict(content["space"]) if "space" in content else None
    if sources == ["table"]:
        checked(place, options, OF_ANY_SIMULATOR)
        with within(place):
            return Simulator.from_table(folder / source, outputs, space, **options)
    if space is None:
        raise InputError(str(path), "no inputs", "a table [space.NAME] for each of them")
    with within(place):
        if sources == ["command"]:
            words = [str(folder / word) if (folder / word).is_file() else word for word in source]
            return Simulator.from_command(words, space, outputs, **options)
        if (entry := str(folder.resolve())) not in sys.path:
            sys.path.insert(0, entry)
        return _of_function(source, space, outputs, options)


def _of_function(
    name: str, space: Space, outputs: Sequence[str], options: Mapping[str, Any]
) -> Simulator:
    try:
        return Simulator.from_callable(name, space, outputs, **options)
    except InputError:
        raise
    except Exception as error:  # whatever the user's module raises when it is imported
        found = f"{type(error).__name__}: {error}"
        raise InputError(f"function {name!r}", found, "one that can be imported") from error


def _design(place: str, table: Mapping[str, Any] | None) -> Design | None:
    if table is None:
        return None
    options = checked(place, table, DESIGN, ["kind", "n"])
    with within(place):
        return Design(**options)


def _task(place: str, table: Mapping[str, Any], outputs: Sequence[str]) -> Any:
    from surefoot.surrogates.tasks.exceedance import Exceedance
    from surefoot.surrogates.tasks.optimum import Optimum
    from surefoot.surrogates.tasks.posterior import Posterior
    from surefoot.surrogates.tasks.sobol import SobolIndices

    options = dict(table)
    kind = one_of(f"{place} kind", options.pop("kind", None), TASKS)
    make, needed = {
        "optimum": (Optimum, ()),
        "sobol": (SobolIndices, ()),
        "posterior": (Posterior, ("observed", "noise_sd")),
        "exceedance": (Exceedance, ("output", "threshold")),
    }[kind]
    checked(place, options, TASKS[kind], needed)
    if isinstance(output := options.get("output"), str):
        # The values of a field are outputs too: profile[0] and on.
        one_of(f"{place} output", output.partition("[")[0], outputs)
    with within(place):
        return make(**options)


def _declared(place: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse what no card would take, as a card is made after minutes of fitting."""
    try:
        json.dumps(table)
    except TypeError as error:  # TOML has dates, JSON has none
        raise InputError(
            place, str(error), "text, numbers, lists and tables: put dates in quotes"
        ) from error
    with within(place):
        build_card({}, table)
    return table
