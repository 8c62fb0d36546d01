"""Who earns more than 50,000 dollars? One pass over the census, and how sure it is."""

import numpy as np
import pandas as pd

from surefoot.confidence import RowStream, SGDInferenceClassifier
from surefoot.ground.datasets import load

people = load("adult").frame
rows = pd.DataFrame({
    "age": people["age"] / 10,
    "age²": (people["age"] / 10) ** 2,
    "education": people["education-num"],
    "hours": people["hours-per-week"] / 10,
    "male": people["sex"] == "Male",
    "married": people["marital-status"] == "Married-civ-spouse",
})  # fmt: skip
rich = people["income"] == ">50K"

# As they would come from a file or a database, a few at a time.
parts = [slice(start, start + 5_000) for start in range(0, len(rows), 5_000)]
stream = RowStream.from_batches([(rows[part], rich[part]) for part in parts]).shuffle(seed=0)

model = SGDInferenceClassifier(companions=("plugin",)).fit_stream(stream)
print(model.summary())

odds = model.functional(lambda theta: np.exp(theta[:, 1:]), names=list(rows.columns))
print("\nodds ratios", odds.round(2), sep="\n")
print("\nall at once", model.conf_int(simultaneous=True).round(3), sep="\n")
print("\n", model.wald_test(["age", "age²"]), sep="")
