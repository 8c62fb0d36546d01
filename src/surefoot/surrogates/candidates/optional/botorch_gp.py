"""BoTorch's ``SingleTaskGP``."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import need
from surefoot.ground.streams import subseed
from surefoot.surrogates.candidates.adapter import FittedElsewhere, refuse_to_store
from surefoot.surrogates.candidates.optional.torch_settings import quiet_torch

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BotorchGP:
    """``SingleTaskGP`` in double precision, with its priors and its noise of at least 1e-4.

    The deviation is that of a new observation, noise included: what is scored are responses, and
    the noise that was learned is part of what the model says about them.

    Parameters
    ----------
    kernel : {"rbf", "matern52"}
        The first is the library's default.
    deterministic : bool
        Whether the noise is given, 1e-6 of the variance, and not learned: the library's advice for
        responses without noise.
    restarts : int
        Further searches, each from a draw from the priors; the most likely is kept.
    """

    kernel: Literal["rbf", "matern52"] = "rbf"
    deterministic: bool = False
    restarts: int = 0

    @property
    def name(self) -> str:
        """``botorch-gp``."""
        return "botorch-gp"

    @property
    def cost(self) -> int:
        """Five: a Gaussian process."""
        return 5

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit."""
        torch = need("torch", "peers")
        with quiet_torch(subseed(seed, self.name)):
            model = self._fitted(torch.tensor(Z), torch.tensor(t)[:, None])

        def law(Z: Floats) -> tuple[Floats, Floats]:
            with quiet_torch(0), torch.no_grad():
                posterior = model.posterior(torch.tensor(Z), observation_noise=True)
                return posterior.mean[:, 0].numpy(), posterior.variance[:, 0].sqrt().numpy()

        told = {
            "kernel": self.kernel,
            "length_scales": model.covar_module.lengthscale.detach().numpy().ravel().tolist(),
            "noise": float(model.likelihood.noise.detach().mean()),
        }
        return FittedElsewhere(self.name, law, told)

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)

    def _fitted(self, Z: Any, t: Any) -> Any:
        fit = need("botorch.fit", "peers")
        models = need("botorch.models", "peers")
        modules = need("botorch.models.utils.gpytorch_modules", "peers")
        sampling = need("botorch.optim.utils", "peers")
        mlls = need("gpytorch.mlls", "peers")
        covariance = modules.get_covar_module_with_dim_scaled_prior(
            ard_num_dims=Z.shape[1], use_rbf_kernel=self.kernel == "rbf"
        )
        known = 1e-6 * t.var().clamp_min(1e-12).expand(t.shape) if self.deterministic else None
        model = models.SingleTaskGP(Z, t, train_Yvar=known, covar_module=covariance)
        likelihood = mlls.ExactMarginalLogLikelihood(model.likelihood, model)
        best, weights = -np.inf, copy.deepcopy(model.state_dict())
        for attempt in range(self.restarts + 1):
            if attempt:
                sampling.sample_all_priors(model)
            fit.fit_gpytorch_mll(likelihood)
            likelihood.train()
            value = float(likelihood(model(*model.train_inputs), model.train_targets))
            if value > best:
                best, weights = value, copy.deepcopy(model.state_dict())
        model.load_state_dict(weights)
        return model.eval()
