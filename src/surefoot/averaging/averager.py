"""`WeightAverager`: several averages of one model at once, kept beside it and served in place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.averaging import exports, storage
from surefoot.averaging.arithmetic import are_finite
from surefoot.averaging.batchnorm import recalibrate as recalibrate_norms
from surefoot.averaging.batchnorm import tracked_norms
from surefoot.averaging.binding import Binding, Source
from surefoot.averaging.buffers import Flat, Layout, average_dtype, listed, place_of
from surefoot.averaging.following import follow
from surefoot.averaging.intake import Intake
from surefoot.averaging.interrupts import uninterrupted
from surefoot.averaging.notices import warn
from surefoot.averaging.profiles import Profile, Weights
from surefoot.averaging.schemes import (
    Combinable,
    Running,
    Scheme,
    Synthesis,
    check_count,
    horizon_in_pushes,
    resolve_all,
)
from surefoot.averaging.swap import Swap
from surefoot.averaging.two_tailed import RunningTails
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import subseed

Buffers = Literal["average", "copy", "recalibrate", "ignore"]
NonFinite = Literal["ignore", "skip", "raise"]


class WeightAverager:
    """Keep averages of a model's weights along training, and serve them without harm.

    Training is never touched. Averages live in buffers of their own (no module is ever copied)
    and get into the model only inside ``with averager.applied(name):``, by exchanging contents
    in place; whatever happens there, the raw weights are put back bit for bit.

    Parameters
    ----------
    model : nn.Module, or named tensors
        Wrapped in DDP, FSDP2 or `torch.compile` too; move and wrap it before. Of named tensors
        the averager knows no module, so that nothing answers for their ``state_dict()``.
    averages : mapping of name to scheme
        Any of `EMA`, `LAWA`, `Tail`, `PowerEMA`, `SegmentMeans`, `TwoTailed`.
    total_steps : int, optional
        Optimizer steps planned, for durations given as shares.
    buffers : {"average", "copy", "recalibrate", "ignore"}
        What to do with running statistics of norms (BatchNorm), which describe other weights
        than the average. "average" (default): average them like weights. "copy": those of the
        last iterate are used. "recalibrate": as "copy", but `applied` has to bring batches to
        re-estimate them from. "ignore": as "copy", but buffers are left out of exports and
        copies, and a warning says so. All other buffers are those of the last iterate.
    dtype : torch.dtype, optional
        Of the averages: float32, float64, or bfloat16 with stochastic rounding (half the
        memory). By default that of each parameter, but float32 for half precision.
    device : torch.device or str, optional
        Where averages live; by default beside each parameter.
    only_trainable : bool
        Leave parameters that don't require gradients out of the averages; exports have them.
    nonfinite : {"ignore", "skip", "raise"}
        What to do with weights that are infinite or NaN. One of them would stay in an EMA for
        ever. "skip" and "raise" look at all weights before taking them in, which costs about
        half an update; an average that is not finite is never served, in any case.
    seed : int
        Key of stochastic rounding.

    Attributes
    ----------
    steps : int
        Optimizer steps seen.
    skipped : int
        Iterates left out because they were not finite.
    schemes : dict of str to Scheme
        With all durations in steps.

    Examples
    --------
    >>> import torch
    >>> from surefoot.averaging import EMA, LAWA, WeightAverager
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> averager = WeightAverager(model, {"ema": EMA(0.9), "lawa": LAWA(5)}).attach(optimizer)
    >>> for _ in range(10):
    ...     optimizer.zero_grad()
    ...     model(torch.ones(3, 2)).square().mean().backward()
    ...     optimizer.step()
    >>> with averager.applied("lawa"):
    ...     prediction = model(torch.ones(1, 2))
    """

    def __init__(
        self,
        model: Source,
        averages: Mapping[str, Scheme],
        *,
        total_steps: int | None = None,
        buffers: Buffers = "average",
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        only_trainable: bool = True,
        nonfinite: NonFinite = "ignore",
        seed: int = 0,
    ) -> None:
        self.buffers = one_of("buffers", buffers, ("average", "copy", "recalibrate", "ignore"))
        self.nonfinite = one_of("nonfinite", nonfinite, ("ignore", "skip", "raise"))
        self.total_steps = (
            None if total_steps is None else check_count("total_steps", total_steps, 1)
        )
        self.schemes = resolve_all(averages, self.total_steps)
        self._only_trainable, self._seed = only_trainable, seed
        binding = self._bind(model)
        place = None if device is None else place_of(device)
        self._intake = Intake(binding, place)
        live = binding.seen()
        dtypes = [average_dtype(tensor, dtype) for tensor in live]
        self._layout = Layout(binding.names, live, dtypes, place)
        self._running = self._fresh()
        self.steps = self.skipped = 0
        self._swap: Swap | None = None
        self._lock = threading.RLock()
        self._handles: list[Any] = []
        self._said: set[str] = set()

    @property
    def model(self) -> nn.Module | None:
        """The model, None if named tensors were given."""
        return self._binding.model

    @property
    def segmented(self) -> list[str]:
        """Names of the averages from which others can be made afterwards."""
        return [name for name, r in self._running.items() if isinstance(r, Combinable)]

    @property
    def nbytes(self) -> int:
        """Bytes that the averages hold now."""
        return sum(len(r.buffers) for r in self._running.values()) * self._layout.nbytes

    def pushes(self, name: str) -> int:
        """Return how many iterates an average has taken in."""
        return self._named(name).pushes

    # Taking in: after every optimizer step.

    def update(self, step: int | None = None) -> None:
        """Count one optimizer step and take in the weights where a scheme is due.

        Parameters
        ----------
        step : int, optional
            The number of the step just made, if the caller counts; by default one more. What
            was due among steps left out is due now.

        Raises
        ------
        InputError
            Inside `applied`, if steps don't grow, or if tensors were replaced, moved or resized
            since the model was bound. Nothing has been taken in then.
        """
        with self._lock:
            if self._swap is not None:
                raise InputError("update", "inside applied()", "updates outside of it")
            before = self.steps
            now = before + 1 if step is None else check_count("step", step, before + 1)
            due = [name for name, scheme in self.schemes.items() if scheme.is_due(now, before)]
            theta = self._intake.theta() if due else []
            bad = [] if self.nonfinite == "ignore" else self._intake.not_finite(theta)
            if bad and self.nonfinite == "raise":
                found = f"infinite or NaN: {listed(bad)}"
                raise InputError(f"weights after step {now}", found, "finite weights")
            self.steps = now
            self.skipped += bool(bad)
            if due and not bad:
                with uninterrupted():
                    for name in due:
                        self._running[name].push(theta)
        if self.total_steps is not None and now > self.total_steps:
            self._say_once(f"training goes on beyond total_steps={self.total_steps}")

    def attach(self, optimizer: torch.optim.Optimizer) -> Self:
        """Update after every step of `optimizer`, until `detach`.

        Of several optimizers, give the one that steps last. Steps that a GradScaler leaves out
        are not counted. A step while an average is in the model is refused before it does harm.
        """
        if self._handles:
            raise InputError("attach", "attached already", "one optimizer, or detach() first")
        self._handles = follow(
            optimizer, self._binding, self.update, lambda: self._swap is not None
        )
        return self

    def detach(self) -> None:
        """Stop following the optimizer."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def rebind(self, model: Source) -> None:
        """Go on with a model whose tensors were replaced by others of the same names and forms."""
        self._intake.rebind(self._bind(model))

    def judge(self, name: str, evaluate: Callable[[nn.Module], float]) -> bool:
        """Let the two tails of a `TwoTailed` average compete on validation data.

        Parameters
        ----------
        name : str
        evaluate : callable ``model -> loss``
            Called with each tail in the model.

        Returns
        -------
        bool
            Whether the short tail took over.
        """
        running = self._named(name)
        if not isinstance(running, RunningTails):
            raise InputError("average", name, "a TwoTailed average")
        if not running.contested:
            return running.judge(0.0, 0.0)
        losses = []
        for tail in (running.read(), running.mean_of_short):
            with self._serving(tail):
                losses.append(float(evaluate(self._module("judge"))))
        return running.judge(*losses)

    # Serving: the average in the model for the length of a block.

    @contextmanager
    def applied(
        self,
        name: str,
        *,
        horizon: float | None = None,
        profile: Profile = "uniform",
        recalibrate: Iterable[Any] | None = None,
        forward: Callable[[nn.Module, Any], object] | None = None,
        max_batches: int | None = None,
        quiet: bool = False,
    ) -> Iterator[None]:
        """Have an average in the model for the length of a block.

        ``state_dict()`` of the model gives the raw weights meanwhile, so that a checkpoint
        written in the block can be resumed from; a deep copy of the model keeps the average.
        Ctrl-C waits until weights are where they belong. What a pass in training mode does to
        the norms is taken back.

        Parameters
        ----------
        name : str
        horizon : int or float, optional
            Of a `SegmentMeans` average: steps, or a share of the steps seen so far; 0 for the
            raw weights.
        profile : str, callable or scheme
            Of a `SegmentMeans` average: see `profile_weights`.
        recalibrate : iterable of batches, optional
            Re-estimate running statistics of norms from these, for the length of the block.
        forward, max_batches
            See `surefoot.averaging.batchnorm.recalibrate`.
        quiet : bool
            Don't warn when ``state_dict()`` is asked for.

        Warns
        -----
        RuntimeWarning
            If nothing has been averaged yet: the raw weights are served then. If weights were
            changed inside: the raw ones come back, but the average may keep the change.
        """
        running = self._named(name)
        norms = {} if self.model is None else tracked_norms(self.model)
        if norms and self.buffers == "recalibrate" and recalibrate is None:
            raise InputError("recalibrate", None, "batches, since buffers='recalibrate'")
        if norms and self.buffers == "ignore" and recalibrate is None:
            self._say_once(
                "buffers='ignore': norms keep the running statistics of the last iterate, which "
                "can cost many points of accuracy with a wide horizon"
            )
        average = self._read(name, horizon, profile) if running.pushes else None
        if not running.pushes:
            warn(f"{name!r} is empty: the raw weights are used")
        serves = (name, horizon, profile) if running.pushes else None
        with self._serving(average, serves=serves, quiet=quiet):
            if recalibrate is not None:
                model = self._module("recalibrate")
                recalibrate_norms(model, recalibrate, forward=forward, max_batches=max_batches)
            yield

    def synthesize(
        self, horizon: float | None = None, profile: Profile = "uniform", *, name: str | None = None
    ) -> Synthesis:
        """Make an average after the fact from segment means.

        Parameters
        ----------
        horizon : int or float, optional
            Steps, or a share of the steps seen so far; by default everything seen.
        profile : str, callable or scheme
            See `profile_weights`; a scheme has to be as often due as the average.
        name : str, optional
            Of a `SegmentMeans` average; not needed if there is only one.

        Returns
        -------
        Synthesis
            With ``residual``: how far the profile is from what the segments can represent.
        """
        if name is None and len(self.segmented) != 1:
            found = listed(self.segmented) or "no SegmentMeans average"
            raise InputError("name", found, "the name of one SegmentMeans average")
        name = name or self.segmented[0]
        running = self._named(name)
        if not isinstance(running, Combinable):
            raise InputError("average", name, "a SegmentMeans average")
        if running.pushes == 0:
            raise InputError(f"average {name!r}", "no iterate yet", "one update after its start")
        every, pushes = int(self.schemes[name].every), None
        if isinstance(profile, Scheme):
            profile = profile.resolved(self.total_steps)
            if profile.every != every:
                allowed = f"a scheme with every={every}, as {name!r} takes iterates in"
                raise InputError("profile", profile, allowed)
        if horizon is not None:
            pushes = horizon_in_pushes(horizon, self.steps, every)
        return running.synthesize(profile, pushes)

    def weights(self, name: str) -> Weights:
        """Return how much each iterate taken in weighs in an average now, oldest first."""
        running = self._named(name)
        return running.weights() if running.pushes else np.zeros(0)

    # Exports: always the average, whatever is in the model.

    def averaged_state_dict(
        self, name: str, *, horizon: float | None = None, profile: Profile = "uniform"
    ) -> dict[str, Tensor]:
        """Return what the model's state dict would be with the average in it, in copies.

        Names are canonical; those that hooks of the model give stay. Frozen parameters are the
        model's own. Tied tensors appear under each of their names, sharded ones stay sharded.
        Inside `applied`, what is served can be asked for, with its re-estimated statistics.
        """
        swap = self._swap
        if swap is not None and swap.serves == (name, horizon, profile):
            return self._snapshot(swap)
        average = self._read(name, horizon, profile)
        with self._serving(average) as swap:
            return self._snapshot(swap)

    def copy_to(
        self,
        model: nn.Module,
        name: str,
        *,
        horizon: float | None = None,
        profile: Profile = "uniform",
    ) -> None:
        """Copy an average into another model of the same form, by name; all or nothing."""
        state = self.averaged_state_dict(name, horizon=horizon, profile=profile)
        exports.copy_into(model, state, buffers=self.buffers != "ignore")

    def export(
        self,
        name: str,
        path: str | Path,
        *,
        horizon: float | None = None,
        profile: Profile = "uniform",
    ) -> None:
        """Write an average as a safetensors file that ``safetensors.torch.load_model`` reads.

        Of tied tensors one is written; sharded ones are gathered, so every process has to call.
        """
        state = self.averaged_state_dict(name, horizon=horizon, profile=profile)
        facts = {"average": name, "steps": self.steps, **self.schemes[name].to_dict()}
        if horizon is not None:
            facts["horizon"] = horizon
        exports.write(state, path, facts)

    # State: what a checkpoint needs, whatever is in the model.

    def state_dict(self) -> dict[str, Any]:
        """Return the averages as plain values and copies of tensors; right inside `applied` too."""
        with self._lock:
            averages = storage.state_of(self.schemes, self._running, self._swap)
            counts = {name: getattr(self, name) for name in ("total_steps", "steps", "skipped")}
            return {"format": storage.FORMAT, **counts, "averages": averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state; names, forms and schemes have to be these. All or nothing."""
        with self._lock:
            if self._swap is not None:
                raise InputError("load_state_dict", "inside applied()", "loading outside of it")
            fresh = self._fresh()
            with storage.undamaged():
                averages = storage.check_state(state, self.schemes)
                for name, running in fresh.items():
                    own = averages[name]
                    running.restore(own["numbers"], own["tensors"], f"state of {name!r}")
                steps, skipped = int(state["steps"]), int(state["skipped"])
            self._running, self.steps, self.skipped = fresh, steps, skipped

    def save(self, path: str | Path) -> None:
        """Write the averages as one safetensors file, whole or not at all."""
        storage.write(self.state_dict(), path)

    def load(self, path: str | Path) -> None:
        """Take over what `save` has written."""
        self.load_state_dict(storage.read(path))

    def _bind(self, model: Source) -> Binding:
        statistics = self.buffers == "average"
        return Binding(model, statistics=statistics, only_trainable=self._only_trainable)

    @property
    def _binding(self) -> Binding:
        return self._intake.binding

    def _fresh(self) -> dict[str, Running]:
        return {
            name: scheme.begin(self._layout, subseed(self._seed, "averaging", name))
            for name, scheme in self.schemes.items()
        }

    def _named(self, name: str) -> Running:
        return self._running[one_of("average", name, self._running)]

    def _module(self, purpose: str) -> nn.Module:
        if self.model is None:
            raise InputError(purpose, "named tensors", "an averager made from a module")
        return self.model

    def _read(self, name: str, horizon: float | None, profile: Profile) -> Flat | None:
        """Return an average; None stands for the raw weights."""
        running = self._named(name)
        if isinstance(running, Combinable) and horizon == 0:
            return None
        if isinstance(running, Combinable) and (horizon is not None or profile != "uniform"):
            average = self.synthesize(horizon, profile, name=name).flat
        elif horizon is not None or profile != "uniform":
            raise InputError("horizon", f"of {name!r}", "a SegmentMeans average, to choose one")
        elif not running.pushes:
            raise InputError(f"average {name!r}", "no iterate yet", "one update after its start")
        else:
            average = running.read()
        if not are_finite(average.flats):
            allowed = "finite weights; see nonfinite='skip' or 'raise'"
            raise InputError(f"average {name!r}", "infinite or NaN", allowed)
        return average

    @contextmanager
    def _serving(
        self, average: Flat | None, *, serves: object = None, quiet: bool = False
    ) -> Iterator[Swap]:
        """Hold the model for one block; with None, the raw weights stay."""
        swap = None
        try:
            with uninterrupted(), self._lock:
                if self._swap is not None:
                    raise InputError("applied", "another average in the model", "one at a time")
                self._binding.check()
                self._swap = swap = Swap(self._binding, average, serves=serves, quiet=quiet)
                swap.begin()
            yield swap
        finally:
            if swap is not None:
                with uninterrupted(), self._lock:
                    self._swap = None
                    swap.undo()

    def _snapshot(self, swap: Swap) -> dict[str, Any]:
        """Return the state dict of the model with the average that is in it."""
        if self.model is None:
            return swap.in_model()
        swap.transparent = True
        try:
            return exports.snapshot(self._binding, self.model, buffers=self.buffers != "ignore")
        finally:
            swap.transparent = False

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            warn(sentence)
