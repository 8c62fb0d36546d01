"""The catalogue's tables from the UCI Machine Learning Repository."""

from __future__ import annotations

from functools import partial

from surefoot.ground import readers
from surefoot.ground.entry import Entry, File, Form

_UCI = "https://archive.ics.uci.edu"
_MASKED = "https://raw.githubusercontent.com/treforevans/uci_datasets/master/uci_datasets"

_GERMAN_CREDIT = {
    "status": "existing checking account, A11 to A14",
    "duration": "months",
    "credit_history": "A30 to A34",
    "purpose": "A40 to A410",
    "amount": "credit amount in Deutsche Mark",
    "savings": "savings account or bonds, A61 to A65",
    "employment": "present employment since, A71 to A75",
    "instalment_rate": "instalment in percent of disposable income",
    "personal_status_sex": "A91 to A95",
    "other_debtors": "A101 to A103",
    "residence_since": "years at the present residence, 1 to 4",
    "property": "A121 to A124",
    "age": "years",
    "other_instalment_plans": "A141 to A143",
    "housing": "A151 to A153",
    "existing_credits": "credits at this bank",
    "job": "A171 to A174",
    "dependants": "people liable to provide maintenance for",
    "telephone": "A191 none, A192 registered",
    "foreign_worker": "A201 yes, A202 no",
    "risk": "1 good, 2 bad",
}
_CONCRETE = {
    "cement": "kg/m³, centred",
    "slag": "blast furnace slag, kg/m³, centred",
    "fly_ash": "kg/m³, centred",
    "water": "kg/m³, centred",
    "superplasticizer": "kg/m³, centred",
    "coarse_aggregate": "kg/m³, centred",
    "fine_aggregate": "kg/m³, centred",
    "age": "days, centred",
    "strength": "compressive strength in MPa, centred",
}
_YACHT = {
    "buoyancy_position": "longitudinal position of the centre of buoyancy, centred",
    "prismatic_coefficient": "centred",
    "length_displacement": "ratio, centred",
    "beam_draught": "ratio, centred",
    "length_beam": "ratio, centred",
    "froude": "Froude number, centred",
    "resistance": "residuary resistance per unit weight of displacement, centred",
}
_MASKS = {f"test_{split}": f"row is in the test part of fixed split {split}" for split in range(10)}


def _masked(
    name: str,
    title: str,
    rows: int,
    uci: str,
    citation: str,
    columns: dict[str, str],
    target: str,
    data: tuple[str, int],
    masks: tuple[str, int],
) -> Entry:
    """Return the entry of a UCI regression set in the centred form with ten fixed splits."""
    return Entry(
        name=name,
        title=title,
        rows=rows,
        licence="CC BY 4.0",
        citation=citation,
        home=f"{_UCI}/dataset/{uci}",
        schema=columns | _MASKS,
        target=target,
        original=Form(
            (
                File(f"uci/{name}/data.csv.gz", *data, url=f"{_MASKED}/{name}/data.csv.gz"),
                File(
                    f"uci/{name}/test_mask.csv.gz", *masks, url=f"{_MASKED}/{name}/test_mask.csv.gz"
                ),
            ),
            partial(readers.masked_csv, columns=tuple(columns)),
        ),
    )


UCI_ENTRIES = (
    Entry(
        name="adult",
        title="UCI Adult: does a person earn more than $50,000 a year? (1994 US census)",
        rows=48_842,
        licence="CC BY 4.0",
        citation="Becker and Kohavi (1996), Adult, UCI, doi:10.24432/C5XW20",
        home=f"{_UCI}/dataset/2/adult",
        schema={
            "age": "years",
            "workclass": "kind of employer, may be missing",
            "fnlwgt": "people that the row stands for",
            "education": "highest level",
            "education-num": "the same, 1 to 16",
            "marital-status": "",
            "occupation": "may be missing",
            "relationship": "role in the family",
            "race": "",
            "sex": "Female, Male",
            "capital-gain": "US dollars",
            "capital-loss": "US dollars",
            "hours-per-week": "hours of work",
            "native-country": "may be missing",
            "income": "<=50K, >50K",
            "split": "train, test: the official parts",
        },
        target="income",
        original=Form(
            (
                File(
                    "adult/adult.data",
                    "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
                    3_974_305,
                    url=f"{_UCI}/static/public/2/adult.zip",
                    member="adult.data",
                ),
                File(
                    "adult/adult.test",
                    "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
                    2_003_153,
                    url=f"{_UCI}/static/public/2/adult.zip",
                    member="adult.test",
                ),
            ),
            readers.adult,
        ),
        packaged=Form(
            (
                File(
                    "adult.parquet",
                    "e5e1899b377b00fa0b916f91b95fb902284d03dae538cbc0c93d8e184feace66",
                    398_432,
                ),
            ),
            readers.parquet,
        ),
    ),
    _masked(
        "concrete",
        "UCI concrete: compressive strength from the mixture",
        1_030,
        "165/concrete+compressive+strength",
        "Yeh (1998), Concrete Compressive Strength, UCI, doi:10.24432/C5PK67; splits: uci_datasets",
        _CONCRETE,
        "strength",
        ("f7210967a49a2adbf6d19ac3dd853f820941ff37351562cd1a48e8521af3d80b", 68_841),
        ("49e0385a48bd0881197c0f057a126ec7d48bc1884be7cf3519a264327406691b", 20_600),
    ),
    Entry(
        name="german-credit",
        title="UCI Statlog German credit: is an applicant a good risk?",
        rows=1_000,
        licence="CC BY 4.0",
        citation="Hofmann (1994), Statlog (German Credit Data), UCI, doi:10.24432/C5NC77",
        home=f"{_UCI}/dataset/144/statlog+german+credit+data",
        schema=_GERMAN_CREDIT,
        target="risk",
        original=Form(
            (
                File(
                    "german-credit/german.data",
                    "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
                    79_793,
                    url=f"{_UCI}/static/public/144/statlog+german+credit+data.zip",
                    member="german.data",
                ),
            ),
            partial(readers.german_credit, columns=tuple(_GERMAN_CREDIT)),
        ),
    ),
    Entry(
        name="taiwan-credit",
        title="UCI default of credit card clients (Taiwan, 2005)",
        rows=30_000,
        licence="CC BY 4.0",
        citation="Yeh (2009), Default of Credit Card Clients, UCI, doi:10.24432/C55S3H",
        home=f"{_UCI}/dataset/350/default+of+credit+card+clients",
        schema={
            "ID": "client",
            "LIMIT_BAL": "credit given, New Taiwan dollars",
            "SEX": "1 male, 2 female",
            "EDUCATION": "1 graduate school, 2 university, 3 high school, 4 others",
            "MARRIAGE": "1 married, 2 single, 3 others",
            "AGE": "years",
            **{
                f"PAY_{month}": "months of payment delay, -1 paid duly; 0 is September, 6 is April"
                for month in (0, 2, 3, 4, 5, 6)
            },
            **{f"BILL_AMT{month}": "bill statement, 1 is September" for month in range(1, 7)},
            **{f"PAY_AMT{month}": "amount paid, 1 is September" for month in range(1, 7)},
            "default payment next month": "1 yes, 0 no",
        },
        target="default payment next month",
        original=Form(
            (
                # UCI publishes an Excel sheet; this is the same table as text.
                File(
                    "incentives/taiwan-credit.csv",
                    "de8697332fe130109f8bddc5d2dc8a6a681a6ef866168f6f24f7261fac5d88d3",
                    2_867_210,
                    url="https://raw.githubusercontent.com/ustunb/actionable-recourse/"
                    "c365c6825b5916eb8fee88c73f6fc3df39ae108c/data/credit/credit_raw.csv",
                ),
            ),
            readers.taiwan_credit,
        ),
    ),
    _masked(
        "yacht",
        "UCI yacht hydrodynamics: resistance of sailing yachts",
        308,
        "243/yacht+hydrodynamics",
        "Gerritsma, Onnink and Versluis (1981), Yacht Hydrodynamics, UCI, doi:10.24432/C5XG7R; "
        "splits: uci_datasets",
        _YACHT,
        "resistance",
        ("dc2871f60f28086c6b12738fc053647f13b29d770013baaf6d3f5806e219b3cb", 18_962),
        ("f48e2ccd419d64e8da3079b127b0f5c8f0c5de7be5897acf6cf9c3607a05dd00", 6_160),
    ),
)
