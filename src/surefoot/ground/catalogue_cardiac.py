"""What the columns of the cardiac simulators mean: inputs and outputs of four models.

The files name parameters by the symbols of the models and state no units.
"""

from __future__ import annotations

IONIC_CELL = {
    "gNa": "conductance of the fast sodium current",
    "gto": "conductance of the transient outward potassium current",
    "gCaL": "conductance of the L-type calcium current",
    "gKr": "conductance of the rapid delayed rectifier potassium current",
    "gKs": "conductance of the slow delayed rectifier potassium current",
    "gK1": "conductance of the inward rectifier potassium current",
    "gb,Na": "conductance of the background sodium current",
    "gb,Ca": "conductance of the background calcium current",
    "gKur": "conductance of the ultrarapid delayed rectifier potassium current",
    "INaCa(max)": "largest sodium-calcium exchanger current",
    "INaK(max)": "largest sodium-potassium pump current",
    "Ip,Ca(max)": "largest sarcolemmal calcium pump current",
    "Iup(max)": "largest calcium uptake into the sarcoplasmic reticulum",
    "krel": "rate of calcium release",
    "[Cmdn]max": "total calmodulin",
    "[Trpn]max": "total troponin",
    "[Csqn]max": "total calsequestrin",
    "tau,tr": "time constant of calcium transfer",
}
CALCIUM = {
    "Ca,diast,a": "diastolic calcium",
    "Ca,ampl,a": "amplitude of the calcium transient",
    "dCa/dtMax,a": "largest rate of rise of calcium",
    "RT90,a": "time to 90% recovery",
}
_LAND = "of the Land contraction model"
CONTRACTING_CELL = {
    "PCa": "calcium permeability",
    "Jup": "scale of calcium uptake",
    "[TRPN]": "total troponin",
    "Gncx": "conductance of the sodium-calcium exchanger",
    "INaCa,SS": "share of the sodium-calcium exchanger in the subspace",
    "CaMKo": "fraction of active CaMK binding sites",
    "[BSL]": "total sarcolemmal binding sites",
    "aCaMK": "phosphorylation rate of CaMK",
    "bCaMK": "dephosphorylation rate of CaMK",
    "tau,diffCa": "time constant of calcium diffusion",
    "Tref,v": f"reference tension {_LAND}",
    "TRPN50,v": f"half activation of troponin {_LAND}",
    **{
        f"{symbol},v": f"parameter {symbol} {_LAND}"
        for symbol in (
            "nTm", "nTRPN", "kTRPN", "rs", "rw", "Aeff", "ku", "beta1", "beta0", "gamma,s",
            "gamma,w", "phi", "ca50", "nu", "mu",
        )
    },
}  # fmt: skip
TENSION = {
    "Tpeak,v": "peak tension",
    "TTP,t,v": "time to peak tension",
    "dT/dtMax,v": "largest rate of rise of tension",
    # The original names this column like the one before it.
    "dT/dtMin,v": "largest rate of fall of tension, negative",
    "Tdur,v": "duration of the tension transient",
    "Trest,v": "resting tension",
    "Dlambda,v": "shortening",
}
FOUR_CHAMBERS = {
    **dict.fromkeys(
        (
            "PCa", "[TRPN]", "Gncx", "Tref,v", "TRPN50,v", "nTm,v", "nTRPN,v", "rs,v", "rw,v",
            "Aeff,v", "ku,v", "ca50,v", "mu,v",
        ),
        "of the ventricular cell",
    ),
    **dict.fromkeys(
        (
            "Iup(max)", "[Trpm]max", "gCaL", "Tref,a", "TRPN50,a", "nTm,a", "nTRPN,a", "rs,a",
            "rw,a", "Aeff,a", "phi,a", "ca50,a", "mu,a",
        ),
        "of the atrial cell",
    ),
    "CVf,v": "conduction velocity along ventricular fibres",
    "kFEC": "scale of conduction in the fast endocardial layer",
    "CVf,a": "conduction velocity along atrial fibres",
    "kBB": "scale of conduction in Bachmann's bundle",
    "AVdelay": "atrioventricular delay",
    "Rsys": "scale of the systemic resistance",
    "Rpulm": "scale of the pulmonary resistance",
    "lAo": "length of the aorta",
    "kAo": "stiffness of the aorta",
    "a,v": "stiffness of ventricular tissue",
    "bt,v": "transverse stiffness of ventricular tissue",
    "a,a": "stiffness of atrial tissue",
    "bf,a": "fibre stiffness of atrial tissue",
    "bt,a": "transverse stiffness of atrial tissue",
    "kperi": "stiffness of the pericardium",
    "EDPshift,LV": "end-diastolic pressure of the left ventricle, shift",
    "EDPunload,RV": "end-diastolic pressure of the right ventricle, for unloading",
    "aLvRv": "ratio of stiffness, left to right ventricle",
    "TrefLvRv": "ratio of reference tension, left to right ventricle",
}  # fmt: skip
HEART = {
    **{
        f"{symbol},{side}v": f"{meaning} of the {whole} ventricle"
        for side, whole in (("l", "left"), ("r", "right"))
        for symbol, meaning in (
            ("EDV", "end-diastolic volume"),
            ("EDP", "end-diastolic pressure"),
            ("ESV", "end-systolic volume"),
            ("pMax", "peak pressure"),
            ("dp/dtMax", "largest rate of rise of pressure"),
            ("dp/dtMin", "largest rate of fall of pressure, negative"),
        )
    },
    "EDV,la": "end-diastolic volume of the left atrium",
    "ESV,la": "end-systolic volume of the left atrium",
    "VMax,la": "largest volume of the left atrium",
    "pMax,La": "peak pressure of the left atrium",
    "EDV,ra": "end-diastolic volume of the right atrium",
    "ESV,ra": "end-systolic volume of the right atrium",
    "VMax,ra": "largest volume of the right atrium",
    "pMax,ra": "peak pressure of the right atrium",
}
CONDUCTION = {
    "CVf,v": "conduction velocity along ventricular fibres",
    "k,ft,v": "anisotropy of ventricular conduction",
    "kFEC": "scale of conduction in the fast endocardial layer",
    "CVf,a": "conduction velocity along atrial fibres",
    "k,ft,a": "anisotropy of atrial conduction",
    "kBB": "scale of conduction in Bachmann's bundle",
}
ACTIVATION = {
    "TAT,a": "total atrial activation time",
    "TAT,v": "total ventricular activation time",
}
