"""The fields of a card: the one list from which checks, reports and pages are made.

Source: Semenova et al., "SMRS: advocating a unified reporting standard for surrogate models in the
artificial intelligence era", 2025: its six dimensions, here `need` to `downstream`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "count", "truth", "list", "mapping", "table"]
Filler = Literal["author", "runs", "fit", "machine"]

SECTIONS: Mapping[str, str] = {
    "need": "Need",
    "data": "Data",
    "model": "Model",
    "learning": "Learning",
    "evaluation": "Evaluation",
    "downstream": "Use, limits and reproduction",
    "ethics": "Ethics and regulation",
    "artefacts": "Artefacts",
}

# What each family of learning must report, as keys of `learning.details`.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "explicit optimisation": ("loss", "optimiser", "schedule", "stopping"),
    "Bayesian": ("prior", "inference", "diagnostics"),
    "generalised Bayesian": ("loss", "prior", "inference"),
    "deep generative": ("architecture", "objective", "latent_size"),
    "simulation-based inference": ("design", "simulator_calls"),
    "reinforcement learning": ("policy", "reward"),
    "automated search": ("search_space", "budget", "selection_metric"),
}


@dataclass(frozen=True)
class Field:
    """One field.

    Parameters
    ----------
    path : str
        Section and name, such as ``"need.run_cost"``.
    question : str
        What it answers.
    kind : {"text", "number", "count", "truth", "list", "mapping", "table"}
        Of its value; a table is a list of mappings.
    by : {"author", "runs", "fit", "machine"}
        Who fills it: the author by a declaration, or a measurement on the recorded runs, on a fit
        to them, or of a machine at a time, which nobody can repeat.
    required : bool
        Whether a card is incomplete without it.
    unit : str
        Of every number in it.
    legible : bool
        Whether it can be read as it stands; otherwise it takes a figure.
    """

    path: str
    question: str
    kind: Kind
    by: Filler
    required: bool = True
    unit: str = ""
    legible: bool = True

    @property
    def section(self) -> str:
        """The first part of the path."""
        return self.path.split(".")[0]

    @property
    def label(self) -> str:
        """The name in words."""
        return self.path.split(".")[1].replace("_", " ")


_ALL = (
    Field("need.purpose", "What is the surrogate for?", "text", "author"),
    Field("need.run_cost", "How long does one run of the simulator take?", "mapping", "runs",
          unit="s"),
    Field("need.runs_needed", "How many evaluations does the task need?", "count", "author"),
    Field("need.alternatives", "What was weighed instead: faster code, parallel runs, a coarser "
          "model, an existing surrogate?", "list", "author"),
    Field("need.smoothness", "How much of the response can simple models learn, and how much of it "
          "looks like noise?", "table", "runs"),
    Field("need.verdict", "Is a surrogate warranted, and from how many evaluations on?", "mapping",
          "machine"),

    Field("data.mode", "Measured in the world, or computed: beforehand or on demand?", "text",
          "runs"),
    Field("data.simulator", "Which simulator, in which version?", "mapping", "runs"),
    Field("data.hosts", "On which machines did it run?", "list", "runs", required=False),
    Field("data.inputs", "Which inputs, over which ranges, in which units?", "table", "runs"),
    Field("data.outputs", "Which outputs, and what values did they take?", "table", "runs"),
    Field("data.designs", "Which designs chose the runs, with which seeds, how evenly?", "table",
          "runs"),
    Field("data.design_reason", "Why this design?", "text", "author"),
    Field("data.n_runs", "How many runs ended well?", "count", "runs"),
    Field("data.failures", "How many runs failed, and for which reasons?", "mapping", "runs"),
    Field("data.duplicates", "How many runs repeat the inputs of another?", "count", "runs"),
    Field("data.noise", "How far do replicates differ?", "mapping", "runs"),
    Field("data.fidelity", "Which fidelities were used, and how were they joined?", "list",
          "author"),
    Field("data.sources", "What sets the sources apart: resolution, uncertainty, equations, place "
          "on shared axes; can they be compared?", "table", "author"),
    Field("data.licence", "Under which licence are the data?", "text", "author"),

    Field("model.probabilistic", "Does it predict a distribution?", "truth", "fit"),
    Field("model.uncertainty", "Where does its uncertainty come from, or why is there none?",
          "text", "fit"),
    Field("model.uncertainty_use", "How is the uncertainty used?", "text", "author"),
    Field("model.members", "Which models is it made of, with which weights and temperatures?",
          "table", "fit"),
    Field("model.conditioning", "What was held fixed, and how far does it carry over?", "text",
          "author"),
    Field("model.constraints", "Which laws must it keep, and where do they enter?", "list",
          "author"),
    Field("model.assumptions", "What does it assume, such as smoothness or stationarity?", "list",
          "author"),

    Field("learning.family", "Which kind of learning?", "text", "fit"),
    Field("learning.details", "What does this kind have to report?", "mapping", "fit"),
    Field("learning.settings", "With which settings?", "mapping", "fit"),
    Field("learning.candidates", "What was tried, with which settings, and how did it do?",
          "table", "fit"),
    Field("learning.seeds", "With which seeds?", "list", "fit"),
    Field("learning.remarks", "What was noticed on the way?", "list", "fit", required=False),
    Field("learning.fit_cpu", "How long did fitting take?", "number", "machine", unit="s"),
    Field("learning.hardware", "On which machine?", "mapping", "machine"),
    Field("learning.versions", "With which versions of which libraries?", "mapping", "machine"),

    Field("evaluation.protocol", "On which rows was it scored, and what was refitted for them?",
          "mapping", "fit"),
    Field("evaluation.selected_on", "On which rows was it chosen: out of fold, validation or "
          "test?", "text", "fit"),
    Field("evaluation.scores", "How far off is it?", "table", "fit"),
    Field("evaluation.corrected", "How far off, once having been chosen is paid for?", "table",
          "fit", required=False),
    Field("evaluation.coverage", "How often do its intervals hold the truth?", "table", "fit"),
    Field("evaluation.pit", "Where do the truths fall in its distributions?", "table", "fit",
          required=False, legible=False),
    Field("evaluation.parity", "What did it predict for each run, without having seen it?",
          "table", "fit", required=False, legible=False),
    Field("evaluation.baselines", "How do naive models do?", "table", "fit"),
    Field("evaluation.stress", "How does it do where it must extrapolate?", "table", "fit"),
    Field("evaluation.tasks", "How does it do at the task itself?", "table", "fit"),
    Field("evaluation.sensitivity", "Which inputs matter?", "table", "fit", required=False),
    Field("evaluation.learning_curve", "What would more runs bring?", "table", "fit",
          required=False),

    Field("downstream.intended_use", "What may it be used for?", "text", "author"),
    Field("downstream.out_of_scope", "What may it not be used for?", "text", "author"),
    Field("downstream.limitations", "What are its known limits?", "list", "author"),
    Field("downstream.domain", "Where is it valid?", "mapping", "fit"),
    Field("downstream.availability", "Where are code, data and seeds?", "text", "author"),
    Field("downstream.authors", "Who answers for it?", "list", "author"),

    Field("ethics.affected", "Who is affected, and how?", "text", "author", required=False),
    Field("ethics.regulation", "Which rules apply?", "text", "author", required=False),

    Field("artefacts.store", "Which runs exactly?", "text", "runs"),
    Field("artefacts.model", "Which file exactly?", "text", "fit"),
)  # fmt: skip

FIELDS: Mapping[str, Field] = {field.path: field for field in _ALL}
