"""A simulator, the runs that are kept of it, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import UnmetError
from surefoot.surrogates.simulation import jobs, runs, store
from surefoot.surrogates.simulation.data import training_data
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.execution import plan_design, run_design
from surefoot.surrogates.simulation.jobs import Collected
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.surrogates.card.document import Card
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.cost_curve import CostCurve
    from surefoot.surrogates.simulation.extending import Extension
    from surefoot.surrogates.simulation.feasibility import Feasibility
    from surefoot.surrogates.simulation.need import Need

# A script that defines a study is imported by every worker it starts. What workers don't need, and
# takes long to import, is therefore imported where it is used.


class Study:
    """The runs of one simulator in one folder.

    Every run, whatever it came to, is in the ledger of that folder before the next one is counted.
    A study can therefore be stopped, killed and taken up again by making the same calls.

    Parameters
    ----------
    simulator : Simulator
    store : str or Path
        Folder of the ledger; made if it is not there.
    tasks : sequence
        What the surrogate is for.
    name : str, optional
        By default the simulator's id.

    Raises
    ------
    ForeignLedgerError
        If the folder belongs to another simulator, or to other inputs or outputs. Another
        *version* of the simulator may share it: its runs are kept apart, and `status` counts them.

    Examples
    --------
    >>> study = Study(simulator, store="study/")                            # doctest: +SKIP
    >>> study.run(Design("lhs-maximin", n=80, seed=1))                      # doctest: +SKIP
    >>> X, y = study.data()                                                 # doctest: +SKIP
    """

    def __init__(
        self,
        simulator: Simulator,
        store: str | Path = "study",
        tasks: Sequence[Any] = (),
        name: str | None = None,
    ) -> None:
        self.simulator = simulator
        self.folder = Path(store)
        self.tasks = tuple(tasks)
        self.name = name or simulator.id
        with self._ledger():
            pass

    def run(
        self,
        design: Design,
        executor: str | Executor = "local",
        *,
        retries: int = 1,
        retry_failed: bool = False,
        resume_command: str | None = None,
        progress: bool = True,
    ) -> pd.DataFrame:
        """Run what `design` asks for and has not been run, and return its runs.

        Parameters
        ----------
        design : Design
            Remembered in the store with its points.
        executor : str or Executor
            See `surefoot.ground.executors.open_executor`.
        retries : int
            How often a run whose worker died is tried again.
        retry_failed : bool
            Whether runs that failed or took too long in an earlier call are tried once more, say
            after a licence server was down. Otherwise they stay as they are.
        resume_command : str, optional
            What to type to go on after an interruption.
        progress : bool
            Whether to show progress and remarks on stderr.

        Returns
        -------
        DataFrame
            As of `runs`.

        Raises
        ------
        InputError
            If the design does not fit, or workers can't import the simulator.
        InterruptedRunError
            After Ctrl-C. What had finished is kept.
        """
        return run_design(
            self.simulator,
            self.folder,
            design,
            executor=executor,
            retries=retries,
            retry_failed=retry_failed,
            resume_command=resume_command,
            progress=progress,
        )

    def plan(self, design: Design, *, progress: bool = True) -> None:
        """Remember `design` without running it, for `emit`."""
        with self._ledger() as ledger:
            plan_design(self.simulator, ledger, design, progress=progress)

    def designs(self) -> list[tuple[Design, dict[str, Any]]]:
        """Return the designs in order, each with its points and measures.

        Those are ``points`` by column, and in the unit cube the centred ``discrepancy`` and the
        ``minimum_distance``.
        """
        with self._ledger() as ledger:
            return store.designs(ledger)

    def runs(self) -> pd.DataFrame:
        """Return one row for each run that the designs ask for, see `runs.table`."""
        if self.simulator.table is not None:
            return runs.table_of_rows(self.simulator)
        with self._ledger() as ledger:
            return runs.table(self.simulator, store.planned(ledger), ledger)

    def data(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return inputs and outputs of the runs that succeeded, see `data.training_data`."""
        return training_data(self.simulator, self.runs())

    def status(self) -> Status:
        """Return how many runs came to what, why, and what they cost."""
        with self._ledger() as ledger:
            others = store.other_versions(ledger, self.simulator)
        return Status.of(self.runs(), others)

    def need(self, task_runs: float = 1e5, **options: Any) -> Need:
        """Tell whether a surrogate is warranted, see `need.assess`."""
        from surefoot.surrogates.simulation.need import assess

        return assess(self, task_runs, **options)

    def feasibility(self) -> Feasibility | None:
        """Return where the simulator is likely to succeed; None while no run has failed."""
        from surefoot.surrogates.simulation.feasibility import Feasibility

        return Feasibility.of_runs(self.simulator.space, self.runs())

    def compare(self, outputs: Sequence[str] | None = None, **settings: Any) -> SurrogateRegressor:
        """Fit a surrogate to the successful runs: all candidates on the same folds, and their mix.

        Parameters
        ----------
        outputs : sequence of str, optional
            By default all. A field (an output that is a list) has to be the only one.
        **settings
            Parameters of `SurrogateRegressor`; inputs are scaled by the study's space.
        """
        from surefoot.surrogates.simulation.comparing import compare

        return compare(self, outputs, **settings)

    def extend(
        self,
        to: int,
        *,
        criterion: str = "alc",
        batch: int = 4,
        outputs: Sequence[str] | None = None,
        tolerance: float = 0.0,
        seed: int = 0,
        executor: str | Executor = "local",
        progress: bool = True,
    ) -> Extension:
        """Choose and run more points, a batch at a time, until the study has `to` of them.

        The same call made again goes on where it was stopped, and does nothing once it is done.

        Parameters
        ----------
        to : int
            Points in the study, failed ones included.
        criterion : {"alc", "variance", "minimum", "maximum", "maximin"}
            See `adaptive.choose_batch`.
        batch : int
            Points chosen before the simulator is asked.
        outputs : sequence of str, optional
            Those that decide; by default all.
        tolerance : float
            The extension ends when a batch promises less than this share of the variance.
        seed, executor, progress
            As in `run`.

        Returns
        -------
        Extension
            What each batch promised, beside a space-filling batch of the same size.
        """
        from surefoot.surrogates.simulation.extending import extend

        return extend(
            self, to, criterion=criterion, batch=batch, outputs=outputs, tolerance=tolerance,
            seed=seed, executor=executor, progress=progress,
        )  # fmt: skip

    def cost_curve(self, model: SurrogateRegressor) -> list[CostCurve]:
        """Return the out-of-fold error of each output from a quarter, a half and all runs."""
        from surefoot.surrogates.simulation.cost_curve import cost_curves

        X, Y = self.data()
        return cost_curves(model, X, Y[model.output_names_], self.simulator.space.to_unit(X))

    def score_tasks(self, model: SurrogateRegressor) -> list[Any]:
        """Return the results of the study's tasks, see `probes.task_result`."""
        from surefoot.surrogates.simulation.probes import task_result

        return [task_result(task, self, model) for task in self.tasks]

    def card(
        self, model: SurrogateRegressor, artefact: str | Path, declared: Mapping[str, Any]
    ) -> Card:
        """Return the reporting card of a surrogate, see `surefoot.surrogates.card`.

        Parameters
        ----------
        model : SurrogateRegressor
            Of `compare`.
        artefact : path
            Where it was saved.
        declared : mapping
            What can't be measured, by section and field.
        """
        from surefoot.surrogates.card.evidence import make_card
        from surefoot.surrogates.simulation.probes import probes_of

        return make_card(self, model, artefact, declared, probes_of(self.tasks))

    def checked(self, X: pd.DataFrame) -> pd.DataFrame:
        """Run the simulator at the rows of `X` to check a surrogate, and return its outputs.

        These runs are kept in a ledger of their own, in the folder ``checks``; nothing is fitted to
        them.

        Raises
        ------
        UnmetError
            If a run does not end well.
        """
        apart = Study(self.simulator, self.folder / "checks", name=self.name)
        done = apart.run(Design.given(X, kind="check"), "serial", progress=False)
        if (bad := done["status"] != "ok").any():
            row = done[bad].iloc[0]
            msg = f"a check could not be run: {row['run']}: {row['status']}, {row['reason']}"
            raise UnmetError(msg)
        return training_data(self.simulator, done)[1].reset_index(drop=True)

    def emit(self, folder: str | Path) -> list[str]:
        """Write a folder for each missing run, for a batch system; see `jobs.emit`."""
        return jobs.emit(self, folder)

    def collect(self, folder: str | Path) -> Collected:
        """Read what the runs in the folders came to; see `jobs.collect`."""
        return jobs.collect(self, folder)

    def _ledger(self) -> Any:
        return store.opened(self.folder, self.simulator)
