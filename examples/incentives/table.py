"""Write diabetes.csv beside this file: 442 patients, as scikit-learn ships them."""

from pathlib import Path

from sklearn.datasets import load_diabetes

NAMES = {"bp": "blood_pressure", "s5": "triglycerides", "s6": "blood_sugar"}

data = load_diabetes(scaled=False, as_frame=True)
people = data.data.rename(columns=NAMES)
people["sex"] = people["sex"].map({1: "A", 2: "B"})  # the source does not say which is which
people["worse"] = (data.target > data.target.median()).astype(int)
people.to_csv(Path(__file__).with_name("diabetes.csv"), index=False)
