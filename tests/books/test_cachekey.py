"""Keys of the prediction cache: equal for what is equal, different for what differs."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atb_db.cachekey import canonical_json, hash_config, hash_features, prediction_key
from atb_db.errors import InvalidInput
from atb_db.types import TradeSource

VALUES = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(VALUES.copy(), id="a copy"),
        pytest.param(np.asfortranarray(VALUES), id="in the order of Fortran"),
        pytest.param(VALUES.astype(">f8"), id="big-endian"),
        pytest.param(np.asfortranarray(VALUES.astype(">f8")), id="both"),
        pytest.param(np.repeat(VALUES, 2, axis=1)[:, ::2], id="every other one"),
        pytest.param(VALUES.T.copy().T, id="transposed twice"),
        pytest.param(VALUES[::-1].copy()[::-1], id="backwards twice"),
    ],
)
def test_how_an_array_lies_in_memory_does_not_matter(same: np.ndarray[Any, Any]) -> None:
    assert hash_features(same) == hash_features(VALUES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((2, 2)), np.zeros(4)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros((1, 4)), np.zeros((4, 1))),
        (np.zeros(4), np.zeros((4, 1))),
        (np.zeros(()), np.zeros(1)),
        (np.zeros(0), np.zeros((0, 2))),
        (np.zeros(2, "f8"), np.zeros(4, "f4")),
        (np.zeros(2, "f4"), np.zeros(2, "i4")),
        (np.zeros(2, "i4"), np.zeros(2, "u4")),
        (VALUES, VALUES.T),
        (VALUES, VALUES + np.spacing(VALUES)),
        (np.array([1, 256], "<i2"), np.array([1, 256], ">i2").view("<i2")),
    ],
)
def test_arrays_that_differ(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> None:
    assert hash_features(one) != hash_features(other)


@pytest.mark.parametrize(
    "none",
    [[1.0], 1.0, None, "text", np.array([object()]), np.zeros(1, [("a", "f8")]), np.array([1, "x"], object)],
)
def test_what_is_no_array_of_plain_values(none: object) -> None:
    with pytest.raises(InvalidInput, match="features: must be an array"):
        hash_features(none)  # type: ignore[arg-type]


def test_any_array_that_has_the_three() -> None:
    class Own:
        dtype = "float32"
        shape = (1,)

        def tobytes(self) -> bytes:
            return b"1234"

    assert hash_features(Own()) == hash_features(Own()) != hash_features(np.frombuffer(b"1234", "f4"))


def test_the_order_of_a_configuration_s_keys_does_not_matter() -> None:
    assert hash_config({"a": 1, "b": {"c": 2, "d": 3}}) == hash_config({"b": {"d": 3, "c": 2}, "a": 1})
    assert canonical_json({"b": [1, (2.5, None)], "a": True}) == '{"a":true,"b":[1,[2.5,null]]}'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"x": 1}, {"x": True}),
        ({"x": 1}, {"x": "1"}),
        ({"x": Decimal("1.5")}, {"x": "1.5"}),
        ({"x": None}, {}),
        ({"x": [1, 2]}, {"x": [2, 1]}),
        ({"x": [[1], 2]}, {"x": [1, [2]]}),
        ({"x": 0.1}, {"x": 0.1 + 2**-56}),
    ],
)
def test_configurations_that_differ(one: Mapping[str, object], other: Mapping[str, object]) -> None:
    assert hash_config(one) != hash_config(other)


def test_scalars_of_numpy_and_enums_are_their_plain_values() -> None:
    given = {"a": np.float64(0.5), "b": np.int64(3), "c": np.array([1, 2]), "d": TradeSource.LIVE, "e": np.bool_(1)}
    assert hash_config(given) == hash_config({"a": 0.5, "b": 3, "c": [1, 2], "d": "LIVE", "e": True})


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        Decimal("NaN"),
        np.float32("nan"),
        {1: 2},
        {1, 2},
        b"x",
        object(),
        np.datetime64(1, "s"),
    ],
)
def test_what_two_configurations_could_share_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="config: contains"):
        hash_config({"x": value})


def test_a_configuration_that_contains_itself_or_is_none() -> None:
    itself: dict[str, object] = {}
    itself["x"] = itself
    with pytest.raises(InvalidInput, match="contains itself"):
        hash_config(itself)
    with pytest.raises(InvalidInput, match="must be a mapping"):
        hash_config([1])  # type: ignore[arg-type]


def test_each_part_of_a_key_matters() -> None:
    key = prediction_key("model", VALUES, {"x": 1})
    assert key.features_hash == hash_features(VALUES)
    assert key.config_hash == hash_config({"x": 1})
    assert key == prediction_key("model", VALUES.copy(), {"x": 1})
    assert len(key.cache_key) == 64
    others = [
        prediction_key("other", VALUES, {"x": 1}),
        prediction_key("model", VALUES.T, {"x": 1}),
        prediction_key("model", VALUES, {"x": 2}),
    ]
    assert len({key.cache_key, *(other.cache_key for other in others)}) == 4


def test_a_key_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np; from atb_db.cachekey import prediction_key;"
        " print(prediction_key('model', np.arange(6.0).reshape(2, 3), {'x': [1.5, 'ü']}).cache_key)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert done.stdout.strip() == prediction_key("model", np.arange(6.0).reshape(2, 3), {"x": [1.5, "ü"]}).cache_key


def test_numpy_is_optional() -> None:
    code = "import sys; import atb_db.cachekey; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values)
def test_texts_are_equal_exactly_where_values_are(one: object, other: object) -> None:
    def typed(value: object) -> object:
        # 1, 1.0 and True are equal in Python only.
        if isinstance(value, dict):
            return {key: typed(item) for key, item in value.items()}
        return [typed(item) for item in value] if isinstance(value, list) else (type(value), repr(value))

    assert (canonical_json(one) == canonical_json(other)) == (typed(one) == typed(other))
