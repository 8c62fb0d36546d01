"""How each dataset's files become a table or arrays. Readers take verified bytes, not paths."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ADULT_COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
)


def adult(train: bytes, test: bytes) -> pd.DataFrame:
    """Read adult.data and adult.test; '?' is missing, the dots after the test labels go."""
    import pandas as pd

    # adult.test opens with a line "|1x3 Cross validator".
    read = partial(_csv, names=ADULT_COLUMNS, skipinitialspace=True, na_values="?", comment="|")
    parts = [read(train).assign(split="train"), read(test).assign(split="test")]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(income=frame["income"].str.removesuffix("."))


def german_credit(content: bytes, *, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read german.data."""
    return _csv(content, sep=" ", names=columns)


def taiwan_credit(content: bytes) -> pd.DataFrame:
    """Read the table of credit card clients, which opens with a byte-order mark."""
    return _csv(content, encoding="utf-8-sig")


def masked_csv(data: bytes, masks: bytes, *, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read `data` and one column of truth values per fixed split, ``test_0`` and on."""
    frame = _csv(data, names=columns)
    test = _csv(masks, header=None).astype(bool).add_prefix("test_")
    return frame.join(test)


def joined_csv(*parts: bytes, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read tables of the same rows as one; `columns` replace the names in the files, in order."""
    import pandas as pd

    return pd.concat([_csv(part) for part in parts], axis=1).set_axis(list(columns), axis=1)


def ordered_csv(
    content: bytes, *, columns: tuple[str, ...], sep: str = ",", missing: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Read `columns` of a table, in this order; `missing` are the words for no value."""
    return _csv(content, sep=sep, na_values=list(missing))[list(columns)]


def parquet(content: bytes) -> pd.DataFrame:
    """Read one Parquet file."""
    import pandas as pd

    return pd.read_parquet(io.BytesIO(content))


def idx(train_images: bytes, train_labels: bytes, *test: bytes) -> dict[str, np.ndarray]:
    """Read the four IDX files of Fashion-MNIST: images (n, 28, 28) and labels (n,), all uint8."""
    import numpy as np

    def images(content: bytes) -> np.ndarray:
        return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28).copy()

    def labels(content: bytes) -> np.ndarray:
        return np.frombuffer(content, np.uint8, offset=8).copy()

    test_images, test_labels = test
    return {
        "train_images": images(train_images),
        "train_labels": labels(train_labels),
        "test_images": images(test_images),
        "test_labels": labels(test_labels),
    }


def per_class(*classes: bytes) -> dict[str, np.ndarray]:
    """Join one npz file per class, images in the order of the original rows."""
    import numpy as np

    loaded = [np.load(io.BytesIO(content), allow_pickle=False) for content in classes]
    joined = {}
    for part in ("train", "test"):
        images = np.concatenate([one[f"{part}_images"] for one in loaded])
        rows = np.concatenate([one[f"{part}_rows"] for one in loaded])
        labels = np.concatenate([np.full(len(one[f"{part}_rows"]), one["label"]) for one in loaded])
        order = np.argsort(rows)
        joined[f"{part}_images"], joined[f"{part}_labels"] = images[order], labels[order]
    return joined


def text(content: bytes) -> dict[str, np.ndarray]:
    """Read ASCII text as one uint8 per character."""
    import numpy as np

    return {"text": np.frombuffer(content, np.uint8).copy()}


def _csv(content: bytes, **options: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(io.BytesIO(content), keep_default_na=False, **options)
