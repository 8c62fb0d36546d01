"""The datasets that Surefoot knows by name: their files, checksums, licences and columns."""

from __future__ import annotations

from typing import Literal

from surefoot.ground import readers
from surefoot.ground.catalogue_people import PEOPLE_ENTRIES
from surefoot.ground.catalogue_simulators import SIMULATOR_ENTRIES
from surefoot.ground.catalogue_uci import UCI_ENTRIES
from surefoot.ground.entry import Entry, File, Form
from surefoot.ground.errors import one_of

TableName = Literal[
    "additive-manufacturing", "adult", "cardiac1", "cardiac2", "cardiac4", "cardiac6", "cardio",
    "composite-material", "concrete", "engineering1", "flights", "framingham", "german-credit",
    "give-me-some-credit", "lithium-ion-data", "nhefs", "reactiondiffusion1", "taiwan-credit",
    "yacht",
]  # fmt: skip
ArraysName = Literal["fashion-mnist", "fashion-mnist-mini", "shakespeare"]


def find(name: str) -> Entry:
    """Return the entry called `name`; otherwise raise `InputError` with the nearest name."""
    return CATALOGUE[one_of("dataset", name, CATALOGUE)]


_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

_IMAGES = {
    "train_images": "uint8 (60000, 28, 28), grey values",
    "train_labels": "uint8 (60000,), class 0 to 9",
    "test_images": "uint8 (10000, 28, 28)",
    "test_labels": "uint8 (10000,)",
}

_ENTRIES = (
    *UCI_ENTRIES,
    *SIMULATOR_ENTRIES,
    *PEOPLE_ENTRIES,
    Entry(
        name="fashion-mnist",
        title="Fashion-MNIST: 28×28 grey images of ten kinds of clothing",
        rows=70_000,
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747",
        home="https://github.com/zalandoresearch/fashion-mnist",
        schema=_IMAGES,
        original=Form(
            tuple(
                File(f"fashion-mnist/{name}.gz", sha256, size, f"{_FASHION}/{name}.gz", md5)
                for name, sha256, size, md5 in (
                    (
                        "train-images-idx3-ubyte",
                        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                        47_040_016,
                        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    ),
                    (
                        "train-labels-idx1-ubyte",
                        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                        60_008,
                        "25c81989df183df01b3e8a0aad5dffbe",
                    ),
                    (
                        "t10k-images-idx3-ubyte",
                        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                        7_840_016,
                        "bef4ecab320f06d8554ea6380940ec79",
                    ),
                    (
                        "t10k-labels-idx1-ubyte",
                        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                        10_008,
                        "bb300cfdad3c16e7a12a480ee83cd310",
                    ),
                )
            ),
            readers.idx,
        ),
    ),
    Entry(
        name="fashion-mnist-mini",
        title="Fashion-MNIST: six classes at 14×14, shipped with Surefoot",
        rows=42_000,
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747",
        home="https://github.com/zalandoresearch/fashion-mnist",
        schema={
            "train_images": "uint8 (36000, 14, 14), means of 2×2 grey values",
            "train_labels": "uint8 (36000,), the original numbers: 0 T-shirt, 2 pullover, 4 coat, "
            "5 sandal, 6 shirt, 7 sneaker",
            "test_images": "uint8 (6000, 14, 14)",
            "test_labels": "uint8 (6000,)",
        },
        packaged=Form(
            tuple(
                File(f"fashion-mnist-mini/{label}.npz", sha256, size)
                for label, sha256, size in (
                    (
                        0,
                        "1206695fc5051825744fb15dfb0604773f501e11c5e004e0e91e4d9a3fc25f27",
                        1_045_859,
                    ),
                    (
                        2,
                        "69164b8cd71987d9b67a2f96b3d9a230a7dc85009140f5c32d74ae4d8f15e06c",
                        1_142_860,
                    ),
                    (
                        4,
                        "d31fd21b07187338e8be37fb0c7f28e07415706a65cdc8171500a66a5f407ff3",
                        1_068_154,
                    ),
                    (
                        5,
                        "14866b6561125dd1889e2412a0d7cd32b485f55bc07450558e485bf864ded489",
                        683_193,
                    ),
                    (
                        6,
                        "00445cc8b33d2eb44a6d77414bc42ae5a898f6d6d50934fadb85919f78a2139f",
                        1_115_662,
                    ),
                    (
                        7,
                        "a203d2dbffe7d6bfe5887b17fbe4497f474db03edc8de92b21a7abd5069fef4f",
                        636_523,
                    ),
                )
            ),
            readers.per_class,
        ),
    ),
    Entry(
        name="flights",
        title="US airline flights: departure, delay, distance, airports",
        rows=3_000_000,
        licence="public domain; compilation BSD-3-Clause",
        citation="US Bureau of Transportation Statistics, through vega-datasets 3.2.1",
        home="https://github.com/vega/vega-datasets",
        schema={
            "date": "local date and time",
            "delay": "minutes, negative when early",
            "distance": "miles",
            "origin": "IATA code of the airport",
            "destination": "IATA code of the airport",
        },
        target="delay",
        original=Form(
            (
                File(
                    "flights/flights-3m.parquet",
                    "dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0",
                    13_493_022,
                    url="https://raw.githubusercontent.com/vega/vega-datasets/v3.2.1/data/"
                    "flights-3m.parquet",
                ),
            ),
            readers.parquet,
        ),
    ),
    Entry(
        name="shakespeare",
        title="Tiny Shakespeare: plays as one text",
        rows=1_115_394,
        licence="public domain",
        citation="Karpathy (2015), char-rnn",
        home="https://github.com/karpathy/char-rnn",
        schema={"text": "uint8 (1115394,), ASCII code of each character"},
        original=Form(
            (
                File(
                    "shakespeare/input.txt",
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                    1_115_394,
                    url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
                    "tinyshakespeare/input.txt",
                ),
            ),
            readers.text,
        ),
    ),
)
CATALOGUE = {entry.name: entry for entry in sorted(_ENTRIES, key=lambda entry: entry.name)}
