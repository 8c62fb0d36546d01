"""The catalogue's tables of real simulators: what was put in, and what was computed from it."""

from __future__ import annotations

from functools import partial

from surefoot.ground import catalogue_cardiac as cardiac
from surefoot.ground import readers
from surefoot.ground.entry import Entry, File, Form

_AUTOEMULATE = "https://github.com/alan-turing-institute/autoemulate"
_ZENODO = "https://zenodo.org/records/7405335"
_SMT = "https://github.com/SMTorg/smt"
_SMT_RAW = "https://raw.githubusercontent.com/SMTorg/smt"

_STROCCHI = (
    "Strocchi et al. (2023), Cell to whole organ global sensitivity analysis on a four-chamber "
    "heart electromechanics model using Gaussian processes emulators, PLOS Computational Biology "
    "19(6):e1011257, doi:10.5281/zenodo.7405335; tables: AutoEmulate"
)
_SAVES = (
    "Saves et al. (2024), SMT 2.0: a surrogate modeling toolbox with a focus on hierarchical and "
    "mixed variables Gaussian processes, Advances in Engineering Software 188:103571"
)


def _runs(
    name: str,
    title: str,
    rows: int,
    inputs: dict[str, str],
    outputs: dict[str, str],
    files: tuple[tuple[str, int], tuple[str, int]],
    citation: str = _STROCCHI,
    home: str = f"{_AUTOEMULATE} (originals: {_ZENODO})",
) -> Entry:
    """Return the entry of a simulator that AutoEmulate's repository holds as two tables."""
    parameters, results = files
    return Entry(
        name=name,
        title=title,
        rows=rows,
        licence="MIT",
        citation=citation,
        home=home,
        schema=inputs | outputs,
        target=next(iter(outputs)),
        outputs=tuple(outputs),
        original=Form(
            (
                File(f"simulators/{name}/parameters.csv", *parameters),
                File(f"simulators/{name}/outputs.csv", *results),
            ),
            partial(readers.joined_csv, columns=(*inputs, *outputs)),
        ),
    )


def _mixed(
    file: str,
    title: str,
    rows: int,
    inputs: dict[str, str],
    outputs: dict[str, str],
    content: tuple[str, int],
    origin: str,
) -> Entry:
    """Return the entry of a table with categories from the tutorials of SMT."""
    return Entry(
        name=file.replace("_", "-"),
        title=title,
        rows=rows,
        licence="BSD-3-Clause",
        citation=_SAVES,
        home=_SMT,
        schema=inputs | outputs,
        target=next(iter(outputs)),
        outputs=tuple(outputs),
        original=Form(
            (File(f"mixed/{file}.csv", *content, url=f"{_SMT_RAW}/{origin}/{file}.csv"),),
            partial(readers.ordered_csv, columns=(*inputs, *outputs)),
        ),
    )


SIMULATOR_ENTRIES = (
    _runs(
        "cardiac1",
        "Atrial cell: calcium transient from ionic currents",
        1_350,
        cardiac.IONIC_CELL,
        cardiac.CALCIUM,
        (
            ("e715921f896ba058db994ef2339424dd7f32b44324829ba1f6a4176fb065a874", 322_046),
            ("008dbb736ac3f15ea54d474393aa82882721574c47dcb6d3cd0f2239c0af78ca", 58_787),
        ),
    ),
    _runs(
        "cardiac2",
        "Ventricular cell: tension from ionic currents and contraction",
        1_100,
        cardiac.CONTRACTING_CELL,
        cardiac.TENSION,
        (
            ("fe8c720f53959c7aec4fec062cfe9c557638bdf1e7922bba7f44922d20aa0ad5", 269_158),
            ("c3aecf35cd34a9458526578d355294f5351fc01721bb88ba3826dbb26fe9e06a", 58_676),
        ),
    ),
    _runs(
        "cardiac4",
        "Four-chamber heart: pressures and volumes from 45 parameters",
        407,
        cardiac.FOUR_CHAMBERS,
        cardiac.HEART,
        (
            ("3b3caf645b57a62bf9b21fa6994e9ef75532671e85ac7988901a1f739f376dc3", 156_555),
            ("24027f80f6ff283dab51c332af22e3591031a6101bb135d6a86357c0f78eb3a9", 51_679),
        ),
    ),
    _runs(
        "cardiac6",
        "Heart: activation times from conduction (Eikonal model)",
        180,
        cardiac.CONDUCTION,
        cardiac.ACTIVATION,
        (
            ("9c40997ab6b659b4e36787509818a4123294aa40dc32730cf0455adb3de4bff1", 9_270),
            ("b5e6355e7323dbc82ba637edb02499e3d494ade4a78f807eb289451c13894434", 2_864),
        ),
    ),
    _runs(
        "engineering1",
        "Cantilever truss: deflection and weight (finite elements)",
        994,
        {
            "Span": "shift of the span",
            "Height": "shift of the height",
            "Amplitude": "amplitude of the shape",
            "Beam_tip_depth": "depth of the beam at its tip",
            "Beam_start_depth": "depth of the beam at its start",
            "bc_X_position": "position of the support",
        },
        {"deflection": "of the truss", "weight": "of the truss"},
        (
            ("b7befd6a8b6af2d42ca22abada98c3ef015d01a3f14f40a2a22a678f9c6e3200", 73_085),
            ("1f5e3f2c2909c370942c2a3ff6dd902e141b10b295fe63b4861b57a3eb671e71", 21_712),
        ),
        "Xuereb Conti, cantilever truss simulations; tables: AutoEmulate",
        _AUTOEMULATE,
    ),
    _runs(
        "reactiondiffusion1",
        "Reaction and diffusion: a field on a 50×50 grid from two parameters",
        50,
        {"beta": "reaction parameter", "d": "diffusion coefficient"},
        {f"u{point}": f"row {point // 50}, column {point % 50}" for point in range(2_500)},
        (
            ("1c5c633485e21e452dc947741913b301868bb455be6e1c8b469a85952f376c3b", 1_929),
            ("a19d84bc0f71c817e7d5d73d045917460e21aea2b13583f06c2bd0a9c441997d", 2_471_071),
        ),
        "AutoEmulate (Alan Turing Institute), reaction-diffusion simulations",
        _AUTOEMULATE,
    ),
    _mixed(
        "additive_manufacturing",
        "3D printing: roughness and strength of prints from the printer's settings",
        70,
        {
            "Layer Height": "mm",
            "Wall Thickness": "mm",
            "Infill Density": "percent",
            "Infill Pattern": "grid, honeycomb",
            "Nozzle Temperature": "°C",
            "Bed Temperature": "°C",
            "Print Speed": "mm/s",
            "Material": "abs, pla",
            "Fan Speed": "percent",
        },
        {"Roughness": "µm", "Tension Strength": "MPa", "Elongation": "percent"},
        ("d003d9a4d61305ace7954c72d3c5320ecee441f0a60bf093db32192f8ea4bef3", 3_454),
        "805ef09bea9bd434245f71cce749e6da38df06d7/tutorial/MixedInteger",
    ),
    _mixed(
        "composite_material",
        "Hybrid composite: stiffness and strength from two fibres and their arrangement",
        9_612,
        {
            "Carbon_fibre": "one of 16",
            "Glass_fibre": "one of 15",
            "lf": "length of the fibres",
            "Vc": "fraction of carbon fibre",
            "SmAvg": "shear strength of the matrix",
            "G": "shear modulus of the matrix",
            "GiicmAvg": "fracture toughness of the matrix, mode II",
        },
        {
            "Initial_stiffness": "",
            "Ultimate_strain": "",
            "Pseudo_ductile_strain": "",
            "Ultimate_strength": "",
            "Yield_strength": "",
        },
        ("0c484cffb82dc6c8123504a09fdeeedd84744cdc19c7ebcd61cfa403a7b7c07f", 1_179_283),
        "09d2d7936a9f931d0f1b6bc571a3a689831283d6/tutorial",
    ),
    _mixed(
        "lithium_ion_data",
        "Silicate cathodes of lithium-ion batteries: energies from the crystal",
        339,
        {
            "Materials Id": "in the Materials Project",
            "Formula": "chemical, one of 114",
            "Spacegroup": "one of 44",
            "Nsites": "atoms in the unit cell",
            "Density (gm/cc)": "g/cm³",
            "Volume": "of the unit cell, Å³",
            "Has Bandstructure": "whether a band structure was computed",
            "Crystal System": "monoclinic, orthorhombic, triclinic",
        },
        {
            "Formation Energy (eV)": "eV per atom",
            "E Above Hull (eV)": "eV per atom",
            "Band Gap (eV)": "eV",
        },
        ("78bcc61f4f1de6a525e6757d3e34118e6932326a751459ead3f8e807812799bc", 26_660),
        "d47f6f3ed84b2fe98ee15903af4227b1c50a9bb0/tutorial",
    ),
)
