"""GPyTorch's sparse variational Gaussian process, for thousands of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import need
from surefoot.ground.streams import stream, subseed
from surefoot.surrogates.candidates.adapter import FittedElsewhere, refuse_to_store
from surefoot.surrogates.candidates.covering import farthest_points
from surefoot.surrogates.candidates.optional.torch_settings import quiet_torch

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SparseGP:
    """A Matérn 5/2 process seen through inducing points, by Adam on batches of the evidence bound.

    Source: Hensman, Fusi & Lawrence, "Gaussian processes for big data", UAI 2013.

    Parameters
    ----------
    inducing : int
        Points; they start as covering rows and move.
    steps, batch : int
    learning_rate : float
        At first; it falls to zero along a cosine.
    """

    inducing: int = 128
    steps: int = 600
    batch: int = 256
    learning_rate: float = 0.05

    @property
    def name(self) -> str:
        """``svgp``."""
        return "svgp"

    @property
    def cost(self) -> int:
        """Five: a Gaussian process."""
        return 5

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit."""
        torch = need("torch", "gpytorch")
        points = torch.tensor(Z[farthest_points(Z, self.inducing)])
        rng = stream(seed, self.name, "batches")
        with quiet_torch(subseed(seed, self.name)):
            gpytorch = need("gpytorch", "gpytorch")  # importing it warns
            model, likelihood = _model(gpytorch, points)
            bound = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=len(t))
            parameters = [*model.parameters(), *likelihood.parameters()]
            optimizer = torch.optim.Adam(parameters, self.learning_rate)
            decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
            rows, responses = torch.tensor(Z), torch.tensor(t)
            for _ in range(self.steps):
                chosen = torch.tensor(rng.choice(len(t), min(self.batch, len(t)), replace=False))
                optimizer.zero_grad()
                (-bound(model(rows[chosen]), responses[chosen])).backward()
                optimizer.step()
                decay.step()
            model.eval()
            likelihood.eval()

        def law(Z: Floats) -> tuple[Floats, Floats]:
            with quiet_torch(0), torch.no_grad():
                parts = [likelihood(model(part)) for part in torch.tensor(Z).split(4096)]
                mean = torch.cat([part.mean for part in parts])
                return mean.numpy(), torch.cat([part.stddev for part in parts]).numpy()

        return FittedElsewhere(self.name, law, {"inducing_points": len(points)})

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)


def _model(gpytorch: Any, points: Any) -> tuple[Any, Any]:
    """Return process and likelihood in double precision."""

    class Process(gpytorch.models.ApproximateGP):
        def __init__(self) -> None:
            law = gpytorch.variational.CholeskyVariationalDistribution(len(points))
            super().__init__(gpytorch.variational.VariationalStrategy(self, points, law))
            self.mean_module = gpytorch.means.ConstantMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(
                gpytorch.kernels.MaternKernel(2.5, ard_num_dims=points.shape[1])
            )

        def forward(self, Z: Any) -> Any:
            return gpytorch.distributions.MultivariateNormal(
                self.mean_module(Z), self.covar_module(Z)
            )

    return Process().double(), gpytorch.likelihoods.GaussianLikelihood().double()
