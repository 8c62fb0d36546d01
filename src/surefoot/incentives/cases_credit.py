"""Cases from lending: a score that tells who will repay.

Whoever wants a good score can pay on time and owe less, or dress the file: move a balance before
the day of the statement, open lines, ask for a higher limit.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from surefoot.ground.datasets import load
from surefoot.incentives.case import IncentiveCase

_LINEAR = "Effects are linear in the features as transformed; nothing unseen moves two nodes."
_FORWARD = "Past behaviour stands for a habit: effort on it shows once the file has been renewed."


def give_me_some_credit() -> IncentiveCase:
    """Return 120,269 borrowers whose income is known; to pass is no serious delinquency.

    Features are ``log(1 + x)``, age excepted. Before that, counts of late payments are cut at 10
    (96 and 98 are codes) and utilisation at 1.5 (beyond, amounts seem to stand for ratios).
    """
    table = load("give-me-some-credit")
    names = {
        "NumberOfTime30-59DaysPastDueNotWorse": "Late30",
        "NumberOfTime60-89DaysPastDueNotWorse": "Late60",
        "NumberOfTimes90DaysLate": "Late90",
        "DebtRatio": "DebtRatio",
        "RevolvingUtilizationOfUnsecuredLines": "Utilisation",
        "NumberOfOpenCreditLinesAndLoans": "Lines",
        "NumberRealEstateLoansOrLines": "Mortgages",
        "MonthlyIncome": "Income",
        "NumberOfDependents": "Dependents",
        "age": "Age",
    }
    frame = table.frame.dropna()
    X = frame[list(names)].rename(columns=names)
    late = ["Late30", "Late60", "Late90"]
    X[late] = X[late].clip(upper=10)
    X["Utilisation"] = X["Utilisation"].clip(upper=1.5)
    amounts = X.columns.drop("Age")
    X[amounts] = np.log1p(X[amounts])
    return IncentiveCase.from_rows(
        table,
        X,
        frame["SeriousDlqin2yrs"],
        title="Give Me Some Credit: serious delinquency within two years",
        good="no payment 90 days late within two years",
        edges=(
            # What is owed decides the monthly payments; a larger total limit dilutes a balance.
            *product(("Lines", "Mortgages", "Utilisation"), ("DebtRatio",)),
            ("Lines", "Utilisation"),
            # Payments that eat up income come late, and later before they come too late.
            ("DebtRatio", "Late30"),
            ("Late30", "Late60"),
            ("Late60", "Late90"),
        ),
        exogenous=("Income", "Dependents", "Age"),
        desirable={"Late30": -1, "Late60": -1, "Late90": -1, "DebtRatio": -1},
        assumptions=(
            _LINEAR,
            _FORWARD,
            "Utilisation is a reading of one day: moving it is not counted as paying debt down.",
            "Income is not worked on: it can't be raised for the sake of a loan.",
        ),
    )


def taiwan() -> IncentiveCase:
    """Return 30,000 holders of credit cards; to pass is to pay in the month that follows.

    =============  ==================================================================
    feature        meaning
    =============  ==================================================================
    Repaid         share of five bills that was paid, at most 1; 1 if nothing was owed
    DelayBefore    months late, mean of April to August, ``log(1 + x)``
    DelayNow       months late in September, ``log(1 + x)``
    Utilisation    September's bill over the limit, 0 to 1.5
    Limit          log of the credit limit
    =============  ==================================================================
    """
    table = load("taiwan-credit")
    frame = table.frame
    # −2, −1 and 0 tell ways of paying in time: no use, in full, the minimum.
    delays = frame[[f"PAY_{month}" for month in (0, 2, 3, 4, 5, 6)]].clip(lower=0)
    # The payment of a month settles the bill of the month before.
    billed = frame[[f"BILL_AMT{month}" for month in range(2, 7)]].clip(lower=0).sum(axis=1)
    paid = frame[[f"PAY_AMT{month}" for month in range(1, 6)]].sum(axis=1)
    X = pd.DataFrame(
        {
            "Repaid": (paid / billed.where(billed > 0)).clip(upper=1).fillna(1.0),
            "DelayBefore": np.log1p(delays.drop(columns="PAY_0").mean(axis=1)),
            "DelayNow": np.log1p(delays["PAY_0"]),
            "Utilisation": (frame["BILL_AMT1"] / frame["LIMIT_BAL"]).clip(0, 1.5),
            "Limit": np.log(frame["LIMIT_BAL"]),
            "Age": frame["AGE"],
            "University": frame["EDUCATION"].isin([1, 2]),
        }
    )
    return IncentiveCase.from_rows(
        table,
        X,
        frame["default payment next month"],
        title="Taiwan: default of credit card clients",
        good="pays next month",
        edges=(
            *product(("Repaid",), ("DelayBefore", "DelayNow", "Utilisation")),
            ("DelayBefore", "DelayNow"),
            ("Limit", "Utilisation"),
        ),
        exogenous=("Age", "University"),
        desirable={"Repaid": +1, "DelayBefore": -1, "DelayNow": -1},
        assumptions=(
            _LINEAR,
            _FORWARD,
            "The latest bill and the limit can be moved without paying: wait, or ask the bank.",
            "Sex and marriage are left out: a lender may not use them.",
        ),
    )
