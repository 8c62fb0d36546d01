"""Cases from medicine: a score that tells who is at low risk, and so rewards low readings.

Whoever wants a good score can change a habit, or only the reading: pressure, cholesterol and sugar
have pills. Edges are judged from physiology, their weights estimated; no edge is a proven effect,
and nothing here is medical advice.
"""

from __future__ import annotations

from itertools import product

import pandas as pd

from surefoot.ground.content import Table
from surefoot.ground.datasets import load
from surefoot.incentives.case import IncentiveCase

_LINEAR = "Effects are linear and add up; nothing unseen moves two nodes at once."


def framingham() -> IncentiveCase:
    """Return 3,657 people of Framingham; to pass is to stay free of coronary disease ten years."""
    table = load("framingham")
    frame = table.frame.dropna()
    exogenous = ("male", "age", "education", "BPMeds", "diabetes", "prevalentStroke")
    readings = ("glucose", "totChol", "heartRate")
    return IncentiveCase.from_rows(
        table,
        frame[["cigsPerDay", "BMI", *readings, "sysBP", *exogenous]],
        frame["TenYearCHD"],
        title="Framingham: coronary heart disease within ten years",
        good="no coronary heart disease within ten years",
        edges=(
            *product(("cigsPerDay",), ("BMI", "heartRate", "sysBP", "totChol")),
            *product(("BMI",), (*readings, "sysBP")),
            *product(readings, ("sysBP",)),
        ),
        exogenous=exogenous,
        desirable={"cigsPerDay": -1, "BMI": -1},
        assumptions=(
            _LINEAR,
            "Medicine against high pressure is a sign of it: it is adjusted for, not worked on.",
        ),
    )


def nhefs() -> IncentiveCase:
    """Return 1,532 smokers of 1971; to pass is to be alive in 1992."""
    table = load("nhefs")
    exogenous = ("female", "age", "race", "education")
    habits, readings = ("smokeintensity", "exercise", "active"), ("cholesterol", "sbp", "dbp")
    frame = table.frame.dropna(subset=list(readings))
    frame = frame.assign(
        BMI=_bmi(frame["wt71"], frame["ht"]),
        # The survey counts downwards: 2 is inactive.
        exercise=2 - frame["exercise"],
        active=2 - frame["active"],
        female=frame["sex"],
    )
    return IncentiveCase.from_rows(
        table,
        frame[[*habits, "BMI", *readings, *exogenous]],
        frame["death"],
        title="NHEFS: death by 1992 of people who smoked in 1971",
        good="alive in 1992",
        edges=(
            *product(habits, ("BMI", *readings)),
            *product(("BMI",), readings),
            *product(("cholesterol",), ("sbp", "dbp")),
        ),
        exogenous=exogenous,
        desirable={"smokeintensity": -1, "exercise": +1, "active": +1, "BMI": -1},
        assumptions=(
            _LINEAR,
            "Pressures were taken in 1982, all else in 1971: habits come before pressures.",
            "Exercise and activity have three levels and are treated as numbers; up is more.",
        ),
    )


def cardio() -> IncentiveCase:
    """Return 68,575 examinations; to pass is to be free of cardiovascular disease.

    Rows are left out whose values no living person has: systolic pressure outside 80 to 250 mmHg,
    diastolic outside 40 to 150 or not below the systolic, body mass index outside 15 to 60.
    """
    table = load("cardio")
    frame = table.frame
    frame = frame.assign(
        BMI=_bmi(frame["weight"], frame["height"]),
        age=frame["age"] / 365.25,
        male=(frame["gender"] == 2).astype(int),
    )
    frame = frame[
        frame["sbp"].between(80, 250)
        & frame["dbp"].between(40, 150)
        & (frame["dbp"] < frame["sbp"])
        & frame["BMI"].between(15, 60)
    ]
    habits, blood, pressures = ("active", "smoke", "alco"), ("cholesterol", "gluc"), ("sbp", "dbp")
    exogenous = ("age", "male")
    return IncentiveCase.from_rows(
        table,
        frame[[*habits, "BMI", *blood, *pressures, *exogenous]],
        frame["cardio"],
        title="Cardiovascular disease in 68,575 examinations",
        good="no cardiovascular disease",
        edges=(
            *product(habits, ("BMI", *blood, *pressures)),
            *product(("BMI",), (*blood, *pressures)),
            *product(blood, pressures),
        ),
        exogenous=exogenous,
        desirable={"active": +1, "smoke": -1, "alco": -1, "BMI": -1},
        assumptions=(
            _LINEAR,
            "Habits are yes or no, as people told them, and are treated as numbers.",
            "Disease and habits were noted on the same day: who is ill may have given up smoking.",
        ),
    )


def diabetes() -> IncentiveCase:
    """Return 442 patients with diabetes; to pass is to progress less than half of them do.

    The table comes with scikit-learn, so that this case needs no file.
    """
    from sklearn.datasets import load_diabetes

    names = {"s1": "tc", "s2": "ldl", "s3": "hdl", "s4": "tch", "s5": "ltg", "s6": "glu"}
    frame = load_diabetes(as_frame=True, scaled=False).frame.rename(columns=names)
    table = Table("diabetes", frame, "target", "scikit-learn")
    exogenous, readings = ("age", "sex"), ("bp", "tc", "ldl", "hdl", "tch", "ltg", "glu")
    return IncentiveCase.from_rows(
        table,
        frame[["bmi", *readings, *exogenous]],
        (frame["target"] > frame["target"].median()).astype(int),
        title="Diabetes: progression within a year",
        good="progression at most the median",
        edges=(
            *product(("bmi",), readings),
            # By definition: total cholesterol holds LDL and HDL, tch is its ratio to HDL.
            ("ldl", "tc"), ("hdl", "tc"), ("tc", "tch"), ("hdl", "tch"),
        ),
        exogenous=exogenous,
        desirable={"bmi": -1},
        assumptions=(
            _LINEAR,
            "Weight comes before every reading; no reading acts on another but by definition.",
        ),
    )  # fmt: skip


def _bmi(weight: pd.Series, height: pd.Series) -> pd.Series:
    """Return the body mass index of kilograms and centimetres, kg/m²."""
    return weight / (height / 100) ** 2
