"""What would patients do to be scored as low risk, and can the score ask for something better?"""

from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surefoot.incentives import Agents, CausalGraph, LpCost, audit, design

patients = load_diabetes(as_frame=True, scaled=False)
X = patients.data[["bmi", "bp", "s5", "s6", "age", "sex"]]
low_risk = (patients.target <= patients.target.median()).astype(int)
score = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, low_risk)

# Weight moves pressure, fat and sugar in the blood; a pill moves one reading alone.
edges = [("bmi", "bp"), ("bmi", "s5"), ("bmi", "s6")]
graph = CausalGraph.fit(X, edges, exogenous=["age", "sex"]).in_sd(X)
cost, wanted = LpCost(p=2), {"bmi": -1}

agents = Agents(X, graph, cost, budget=2.0)
print(audit(score, agents, wanted, y=low_risk), "\n")

found = design(X, low_risk, effects=graph, cost=cost, desirable=wanted, beta=0.6)
print(f"a rule for {found.share:.0%} of effort on weight: the loss rises by {found.price:.1%}")
print(f"certificate: {found.certificate.status}, {found.certificate.method}\n")
print(audit(found.rule, agents, wanted, y=low_risk))
