"""What do a group report and the import of the room cost, against fairlearn and SpuCo?"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from common import Report, best_times, one_thread

from surefoot.groups.report import group_report

ROWS, GROUPS = 100_000, 8
REPEATS = 10
INTERPRETERS = 5
AFTER_TORCH = """
import sys, time, types, torch
start = time.process_time()
{code}
print(time.process_time() - start)
"""
ROOM = "import surefoot.groups; surefoot.groups.FairDropout"
ESTIMATORS = "import surefoot.groups; surefoot.groups.FairDropoutClassifier"
# torchvision from the package index does not fit a CPU build of torch; SpuCo needs only its Python.
SPUCO = """
sys.modules["torchvision._meta_registrations"] = types.ModuleType("_meta_registrations")
import spuco.robust_train
"""


def reports(report: Report) -> None:
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, 2, ROWS)
    y_pred = np.where(generator.random(ROWS) < 0.9, y_true, 1 - y_true)
    groups = np.array([f"group {g}" for g in range(GROUPS)])[generator.integers(0, GROUPS, ROWS)]

    def ours() -> dict[str, object]:
        return group_report(y_true, y_pred, groups, cross=False).to_dict()

    if not report.has("fairlearn", "fairlearn"):
        seconds = best_times({"ours": ours}, REPEATS)["ours"]
        report.add(f"group_report on {ROWS:,} rows × {GROUPS} groups", seconds * 1e3, "ms")
        return

    from fairlearn.metrics import MetricFrame, count
    from sklearn.metrics import accuracy_score

    one_thread()
    metrics = {"accuracy": accuracy_score, "n": count}

    def theirs() -> object:
        frame = MetricFrame(
            metrics=metrics, y_true=y_true, y_pred=y_pred, sensitive_features=groups
        )
        return frame.by_group

    seconds = best_times({"ours": ours, "theirs": theirs}, REPEATS)
    report.add(f"group_report on {ROWS:,} rows × {GROUPS} groups", seconds["ours"] * 1e3, "ms")
    report.add("MetricFrame (accuracy, count), same rows", seconds["theirs"] * 1e3, "ms")
    report.add("MetricFrame / group_report", seconds["theirs"] / seconds["ours"])
    table = group_report(y_true, y_pred, groups, cross=False).table.set_index("group")["accuracy"]
    difference = np.abs(table - theirs()["accuracy"]).max()
    report.add("largest difference of a group's accuracy", difference, "", at_most=0)


def imports(report: Report) -> None:
    own = min(seconds_after_torch(ROOM) for _ in range(INTERPRETERS))
    report.add("C6 import of the room with FairDropout, beyond torch", own, "s CPU", at_most=0.5)
    full = min(seconds_after_torch(ESTIMATORS) for _ in range(INTERPRETERS))
    report.add("the same with its classifiers (scikit-learn)", full, "s CPU")
    if report.has("spuco", "SpuCo"):
        theirs = min(seconds_after_torch(SPUCO) for _ in range(INTERPRETERS))
        report.add("import of SpuCo's methods, beyond torch", theirs, "s CPU")
        report.add("SpuCo's methods / the room's classifiers", theirs / full)


def seconds_after_torch(code: str) -> float:
    """Return the CPU seconds that `code` takes in a fresh interpreter which has torch."""
    script = AFTER_TORCH.format(code=code)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])


def main() -> None:
    report = Report(f"groups: reports (minimum of {REPEATS}) and imports (of {INTERPRETERS})")
    one_thread()
    reports(report)
    imports(report)
    report.close()


if __name__ == "__main__":
    main()
