"""Keys of the prediction cache: hashes of model, features and configuration that are equal on every machine."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple, Protocol, cast

from atb_db.errors import InvalidInput, shortened

# Text and bytes in memory mean the same anywhere; objects and records do not.
_PLAIN_KINDS = frozenset("biufcmMSU")


class Array(Protocol):
    """The part of numpy's arrays that is needed."""

    @property
    def dtype(self) -> object:
        """Type of the values."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every dimension."""
        ...

    def tobytes(self) -> bytes:
        """The values' bytes in the order of C."""
        ...


class PredictionKey(NamedTuple):
    """Key and hashes for `predictions.get_prediction` and `predictions.set_prediction`, in hexadecimal."""

    cache_key: str
    features_hash: str
    config_hash: str


def prediction_key(model_name: str, features: Array, config: Mapping[str, object]) -> PredictionKey:
    """The key of a model's prediction from features with a configuration.

    Features are equal if dtype, shape and every bit are equal; their layout in memory (order of dimensions, strides,
    byte order) does not matter. Include the model's version in its configuration.

    Raises:
        InvalidInput: the features are not an array of plain values, or the configuration has no canonical JSON.
    """
    features_hash, config_hash = hash_features(features), hash_config(config)
    return PredictionKey(_digest(canonical_json([model_name, features_hash, config_hash])), features_hash, config_hash)


def hash_features(features: Array) -> str:
    """Hash of the features' dtype, shape and bytes."""
    if not all(hasattr(features, name) for name in ("dtype", "shape", "tobytes")):
        raise InvalidInput(f"must be an array with dtype, shape and tobytes(), not {type(features)}", field="features")
    dtype = getattr(features.dtype, "str", str(features.dtype))
    kind = getattr(features.dtype, "kind", "")
    if kind and kind not in _PLAIN_KINDS:
        raise InvalidInput(f"must be an array of plain values, not of {shortened(features.dtype)}", field="features")
    if dtype.startswith(">"):
        dtype = f"<{dtype[1:]}"
        features = cast("_Convertible", features).astype(dtype)
    # tobytes() copies in the order of C, whatever the order in memory.
    return _digest(canonical_json([dtype, list(features.shape)]), features.tobytes())


def hash_config(config: Mapping[str, object]) -> str:
    """Hash of the configuration's canonical JSON."""
    if not isinstance(config, Mapping):
        raise InvalidInput(f"must be a mapping, not {shortened(config)}", field="config")
    return _digest(canonical_json(config))


def canonical_json(value: object) -> str:
    """The canonical JSON text of a value: keys sorted, no blanks, ASCII.

    Stricter than the JSON of stored documents, because different values must never have the same text: NaN and
    Infinity, keys that are not text, and types that JSON does not have are refused; Decimals are marked as such.
    """
    try:
        return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise InvalidInput("is nested too deeply or contains itself", field="config") from None


class _Convertible(Protocol):
    def astype(self, dtype: str) -> Array: ...


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        value = value.value
    if type(value).__module__ == "numpy":
        value = cast("_Listable", value).tolist()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, Decimal) and value.is_finite():
        return {"$decimal": str(value)}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_plain(item) for item in value]
    raise InvalidInput(f"contains {shortened(value)}, which has no canonical JSON", field="config")


class _Listable(Protocol):
    def tolist(self) -> object: ...


def _digest(text: str, content: bytes = b"") -> str:
    # JSON contains no NUL, so the end of the text is unambiguous.
    digest = blake2b(text.encode(), digest_size=32)
    digest.update(b"\0")
    digest.update(content)
    return digest.hexdigest()
