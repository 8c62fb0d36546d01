"""Fit FairDropout to Adult without group labels, then see how each group fares."""

from surefoot.ground.datasets import load
from surefoot.groups import FairDropoutClassifier, compare, group_report
from surefoot.groups.encoding import TableEncoder
from surefoot.groups.rivals import ERMClassifier

adult = load("adult").frame
train, test = adult[adult["split"] == "train"][:6000], adult[adult["split"] == "test"]
features = [c for c in adult if c not in ("income", "sex", "fnlwgt", "split")]
encoder = TableEncoder.learn(train, features)
X_train, X_test = encoder.encode(train), encoder.encode(test)

reports = {}
for model in (ERMClassifier(threshold="argmax", epochs=8), FairDropoutClassifier(epochs=8)):
    model.fit(X_train, train["income"])
    predicted = model.predict(X_test)
    reports[type(model).__name__] = report = group_report(test["income"], predicted, test[["sex"]])
    print(f"{type(model).__name__}\n{report}\n")

print("FairDropout with its threshold, minus ERM at argmax")
print(compare(reports["ERMClassifier"], reports["FairDropoutClassifier"]))
