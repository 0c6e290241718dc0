"""The contenders: the same statements, each in its own way of writing them."""

from __future__ import annotations

from benchmarks.contenders.aiosql_psycopg import Aiosql
from benchmarks.contenders.asyncpg_pool import Asyncpg, AsyncpgHeld
from benchmarks.contenders.atb import AtbDb
from benchmarks.contenders.base import Contender
from benchmarks.contenders.handwritten import Bare, Handwritten, RoundTrip
from benchmarks.contenders.pgbench import Pgbench
from benchmarks.contenders.psqlpy_pool import Psqlpy
from benchmarks.contenders.sqlalchemy_core import Core
from benchmarks.contenders.sqlalchemy_orm import Orm
from benchmarks.contenders.sqlspec_psycopg import Sqlspec

CONTENDERS: tuple[type[Contender], ...] = (
    *(AtbDb, Handwritten, Bare, Aiosql, Sqlspec, Asyncpg, AsyncpgHeld, Psqlpy, Core, Orm, Pgbench, RoundTrip),
)

__all__ = ["CONTENDERS", "AtbDb", "Bare", "Contender", "Core", "Handwritten", "Orm", "Pgbench"]
