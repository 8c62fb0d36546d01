from .regressor import SurrogateRegressor as SurrogateRegressor
from .simulation.design import Design as Design
from .simulation.simulator import Simulator as Simulator
from .simulation.space import Categorical as Categorical
from .simulation.space import Integer as Integer
from .simulation.space import Real as Real
from .simulation.space import Space as Space
from .simulation.study import Study as Study
from .tasks.exceedance import Exceedance as Exceedance
from .tasks.optimum import Optimum as Optimum
from .tasks.posterior import Posterior as Posterior
from .tasks.sobol import SobolIndices as SobolIndices

__all__ = [
    "Categorical",
    "Design",
    "Exceedance",
    "Integer",
    "Optimum",
    "Posterior",
    "Real",
    "Simulator",
    "SobolIndices",
    "Space",
    "Study",
    "SurrogateRegressor",
]
