"""How much water flows through a borehole? Forty runs, a surrogate, and the card that says so."""

import math

from surefoot.surrogates import Design, Exceedance, Optimum, Real, Simulator, Space, Study


def flow(radius: float, drop: float, length: float) -> float:
    """Return the flow in m³ a year; think of it as an hour of computing."""
    if drop < 185:
        msg = "no convergence: there is too little head"
        raise ArithmeticError(msg)
    spread = math.log(25_050 / radius)
    resistance = 1 + 2 * length * 89_335 / (spread * radius**2 * 10_950) + 89_335 / 89.55
    return 2 * math.pi * 89_335 * drop / (spread * resistance)


space = Space(
    radius=Real(0.05, 0.15, unit="m"),
    drop=Real(170, 410, unit="m"),
    length=Real(1120, 1680, unit="m"),
)
study = Study(
    Simulator.from_callable(flow, space, ["flow"], version="1.0"),
    store="borehole",
    tasks=[Optimum("flow", direction="max"), Exceedance("flow", threshold=100)],
)

# Stopped or killed, the same call goes on: what has been run is kept.
design = Design("lhs-maximin", n=40, seed=1, reason="Smooth, and nothing else is known.")
study.run(design, executor="serial", progress=False)
print(study.status())

model = study.compare(candidates=["gp-se", "pce"])
print("\n", model.leaderboard_[["nrmse", "nlpd", "coverage_95", "weight"]].round(4), sep="")
print("\ncorrected for having been chosen:", model.estimate_[0]["nrmse"])
for result in study.score_tasks(model):
    print(result)

model.save("borehole.npz")
declared = {"need": {"purpose": "To size the borehole."}, "data": {"licence": "CC BY 4.0"}}
card = study.card(model, "borehole.npz", declared)
card.save("borehole.html")
print("\nthe card, borehole.html:", card.summary())
