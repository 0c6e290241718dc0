"""A plugin for pytest: psycopg as if its next release had renamed one of its private parts.

ATB_DB_RENAMED=psycopg_pool:_waiting renames `_waiting` wherever psycopg_pool says it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

PACKAGE, _, NAME = os.environ.get("ATB_DB_RENAMED", "").partition(":")


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = re.sub(rf"\b{NAME}\b".encode(), f"{NAME}_of_tomorrow".encode(), Path(path).read_bytes())
        code = compile(source, path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


if NAME:
    assert PACKAGE not in sys.modules, f"{PACKAGE} is loaded already"
    sys.meta_path.insert(0, _Finder())
