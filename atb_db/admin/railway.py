"""Setting up a database on Railway, or one for development: steps that are done, and those still to do."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from psycopg.conninfo import conninfo_to_dict

from atb_db.admin.access.roles import groups_used
from atb_db.admin.connection import Connection, reading
from atb_db.admin.destroy.deployment import mark_environment, read_environment
from atb_db.admin.destroy.guards import is_local
from atb_db.admin.migrations import read_status
from atb_db.admin.verification_trade import record_trial, trial_sessions
from atb_db.config import Settings, redacted
from atb_db.database import ServerInfo
from atb_db.errors import AtbDbError, ConfigurationError, Unavailable
from atb_db.types import Environment

BOT_VARIABLES: Final = ("BINANCE_API_KEY", "BINANCE_API_SECRET", "TRADING_MODE", "INITIAL_BALANCE")
"""What the bot itself is configured with; only their presence is looked at."""

_PRIVATE: Final = ".railway.internal"
_PROXIES: Final = (".rlwy.net", ".railway.app")
_REFERENCE: Final = "in Railway, set it to ${{Postgres.DATABASE_URL}}, with the name of the database's service"
_NO_USER: Final = re.compile(r"://:[^@/]*@")


class Topic(StrEnum):
    """What a step is about, in the order in which the steps are taken."""

    URL = "URL"
    HOST = "host"
    CONNECTION = "connection"
    ENCRYPTION = "encryption"
    MIGRATIONS = "migrations"
    ROLES = "roles"
    ENVIRONMENT = "environment"
    VARIABLES = "variables"
    VERIFICATION = "verification trade"


class Outcome(StrEnum):
    """How far a step is."""

    DONE = "done"
    TODO = "to do"
    FAILED = "failed"


class Step(NamedTuple):
    """One step of the set-up. No field holds a secret."""

    topic: Topic
    state: Outcome
    detail: str
    remedy: str | None = None
    """What to do; None where nothing is."""


class Wanted(NamedTuple):
    """The parts to set up."""

    environment: Environment | None = None
    """What the database is for, as somebody said."""
    local: bool = False
    """Whether the database shall be on this machine, instead of on Railway."""
    verify: bool = False
    """Whether to write a verification trade, and to mark a database that is unmarked."""


def set_up(variables: Mapping[str, str], wanted: Wanted, *, url: str | None = None) -> tuple[Step, ...]:
    """Go through the steps up to the one without which the next make no sense; writes only if it is to verify.

    The database is `url`, else that of RAILWAY_<ENVIRONMENT>_DATABASE_URL if it is set, else that of DATABASE_URL.
    What fails is a step that says so; nothing is raised for an unusable URL or a server that cannot be reached.
    """
    source, text = choose_url(variables, wanted.environment, url)
    if problem := find_template(source, text):
        return (problem,)
    try:
        settings = Settings.load(text, environ=variables)
    except ConfigurationError as error:
        return (Step(Topic.URL, Outcome.FAILED, f"{source}: {error}"),)
    hosts = hosts_of(settings)
    steps = [
        Step(Topic.URL, Outcome.DONE, f"{source}: {redacted(settings.conninfo)}"),
        judge_hosts(hosts, local=wanted.local, inside=_inside_railway(variables)),
    ]
    try:
        with reading(settings) as (connection, server):
            steps += _connected(connection, server, hosts, wanted)
            recorded = trial_sessions(connection) if _passed(steps, Topic.MIGRATIONS) else []
    except (Unavailable, ConfigurationError) as error:
        return (*steps, Step(Topic.CONNECTION, Outcome.FAILED, str(error), _way_in(hosts, str(error))))
    steps.append(judge_variables(variables))
    if not wanted.verify:
        return (*steps, _verification(recorded))
    return tuple(_verified(settings, wanted, steps))


def choose_url(variables: Mapping[str, str], environment: Environment | None, url: str | None) -> tuple[str, str]:
    """Where the URL comes from, and the URL: a secret, empty where there is none."""
    if url:
        return "--url", url.strip()
    own = f"RAILWAY_{environment}_DATABASE_URL" if environment else ""
    name = own if variables.get(own) else "DATABASE_URL"
    return name, variables.get(name, "").strip()


def find_template(source: str, url: str) -> Step | None:
    """The problem of a URL of which Railway has not filled in a part, or all; None if it looks whole."""
    if not url:
        return Step(Topic.URL, Outcome.FAILED, f"{source} is not set", _REFERENCE)
    if "${{" in url:
        where = "references are resolved in Railway's variables only, by the names of services that exist there"
        return Step(Topic.URL, Outcome.FAILED, f"{source} holds a reference that nobody has resolved", where)
    if "://" in url and (_NO_USER.search(url) or not re.search(r"://.*[^:@/]", url)):
        return Step(Topic.URL, Outcome.FAILED, f"{source} is a template whose parts were empty", _REFERENCE)
    return None


def hosts_of(settings: Settings) -> tuple[str, ...]:
    """The hosts of the connection string; a socket's folder, or nothing, is a host too."""
    parts = conninfo_to_dict(settings.conninfo)
    return tuple(str(parts.get("host") or parts.get("hostaddr") or "").split(","))


def judge_hosts(hosts: Sequence[str], *, local: bool, inside: bool) -> Step:
    """Whether the database is where it should be; `inside` = this process is in Railway's private network."""
    named = ", ".join(filter(None, hosts)) or "the local socket"
    if _near(hosts):
        if local:
            return Step(Topic.HOST, Outcome.DONE, f"{named} is this machine")
        return Step(
            Topic.HOST,
            Outcome.FAILED,
            f"{named} is this machine, not Railway's database",
            f"{_REFERENCE}; --check-local checks a database on this machine",
        )
    if local:
        remedy = "set DATABASE_URL to a database on this machine, in .env"
        return Step(
            Topic.HOST, Outcome.FAILED, f"{named} is not this machine, and development would write there", remedy
        )
    if _private(hosts):
        return Step(Topic.HOST, Outcome.DONE, f"{named} is in Railway's private network")
    if inside and any(host.endswith(_PROXIES) for host in hosts):
        detail = f"{named} is the public proxy, which is slower and costs egress: the private network is here"
        return Step(Topic.HOST, Outcome.TODO, detail, _REFERENCE)
    return Step(Topic.HOST, Outcome.DONE, f"{named} is public")


def judge_encryption(server: ServerInfo, hosts: Sequence[str]) -> Step:
    """Whether others can read what is sent."""
    if server.ssl:
        return Step(Topic.ENCRYPTION, Outcome.DONE, "encrypted")
    if _near(hosts):
        return Step(Topic.ENCRYPTION, Outcome.DONE, "not encrypted: it does not leave this machine")
    if _private(hosts):
        return Step(Topic.ENCRYPTION, Outcome.DONE, "not by PostgreSQL: Railway encrypts its private network")
    return Step(Topic.ENCRYPTION, Outcome.FAILED, "not encrypted", "set DATABASE_SSL_MODE to require")


def judge_environment(marked: Environment | None, wanted: Environment | None) -> Step:
    """Whether the database says of itself what somebody says of it."""
    if marked is None:
        remedy = f"atb-db environment set {(wanted or 'development|staging|production').lower()}"
        return Step(
            Topic.ENVIRONMENT, Outcome.TODO, "the database is not marked; elsewhere it counts as PRODUCTION", remedy
        )
    if wanted is not None and marked is not wanted:
        return Step(
            Topic.ENVIRONMENT, Outcome.FAILED, f"the database is marked {marked}, not {wanted}", "look at the URL"
        )
    return Step(Topic.ENVIRONMENT, Outcome.DONE, f"the database is marked {marked}")


def judge_variables(variables: Mapping[str, str]) -> Step:
    """Which of the bot's variables are set."""
    present = [name for name in BOT_VARIABLES if variables.get(name, "").strip()]
    absent = [name for name in BOT_VARIABLES if name not in present]
    lists = ((", ".join(names), verb) for names, verb in ((present, "set"), (absent, "not set")) if names)
    detail = "; ".join(f"{verb}: {names}" for names, verb in lists)
    if not absent:
        return Step(Topic.VARIABLES, Outcome.DONE, detail)
    return Step(Topic.VARIABLES, Outcome.TODO, detail, "set them in the bot's service on Railway, or in .env")


def _connected(connection: Connection, server: ServerInfo, hosts: Sequence[str], wanted: Wanted) -> Iterator[Step]:
    yield Step(Topic.CONNECTION, Outcome.DONE, f"{server.database} on PostgreSQL {server.version} as {server.user}")
    yield judge_encryption(server, hosts)
    status = read_status(connection, server)
    if status.problems:
        detail = f"{len(status.problems)} are not as they should be, the first is {status.problems[0].id}"
        yield Step(Topic.MIGRATIONS, Outcome.FAILED, detail, "atb-db status")
    elif status.pending:
        yield Step(Topic.MIGRATIONS, Outcome.TODO, f"{len(status.pending)} are pending", "atb-db migrate")
    else:
        yield Step(Topic.MIGRATIONS, Outcome.DONE, f"all {len(status.applied)} are applied")
    if groups_used(connection):
        yield Step(Topic.ROLES, Outcome.DONE, "the groups of atb-db have their grants")
    else:
        yield Step(
            Topic.ROLES, Outcome.TODO, "the bot works as the role that it logs in as", "atb-db roles --runtime LOGIN"
        )
    yield judge_environment(read_environment(connection), wanted.environment)


def _verification(recorded: Sequence[int]) -> Step:
    if not recorded:
        return Step(Topic.VERIFICATION, Outcome.TODO, "none was recorded yet", "atb-db setup-railway --verify")
    return Step(
        Topic.VERIFICATION,
        Outcome.DONE,
        f"{len(recorded)} recorded, the last in session {recorded[-1]}",
        "atb-db setup-railway --remove-verification takes them away",
    )


def _verified(settings: Settings, wanted: Wanted, steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, after the verification trade and, if it went well, the marking of an unmarked database."""
    trial = _verify(settings, steps)
    for step in steps:
        unmarked = step.topic is Topic.ENVIRONMENT and step.state is Outcome.TODO
        if unmarked and wanted.environment is not None and trial.state is Outcome.DONE:
            yield _mark(settings, wanted.environment)
        else:
            yield step
    yield trial


def _verify(settings: Settings, steps: Sequence[Step]) -> Step:
    missing = [step.topic for step in steps if step.state is Outcome.FAILED]
    if not missing and not _passed(steps, Topic.MIGRATIONS):
        missing = [Topic.MIGRATIONS]
    if missing:
        return Step(Topic.VERIFICATION, Outcome.FAILED, f"nothing was written: first fix the {missing[0]}")
    try:
        session_id, trade_id = record_trial(settings)
    except AtbDbError as error:
        return Step(Topic.VERIFICATION, Outcome.FAILED, str(error))
    detail = f"trade {trade_id} of session {session_id} was written and read back"
    return _verification([session_id])._replace(detail=detail)


def _mark(settings: Settings, environment: Environment) -> Step:
    try:
        mark_environment(settings, environment)
    except AtbDbError as error:
        return Step(Topic.ENVIRONMENT, Outcome.FAILED, str(error))
    return judge_environment(environment, environment)


def _passed(steps: Sequence[Step], topic: Topic) -> bool:
    return any(step.topic is topic and step.state is Outcome.DONE for step in steps)


def _way_in(hosts: Sequence[str], message: str) -> str | None:
    """What helps against the usual reasons why Railway's databases cannot be reached."""
    if _private(hosts):
        return (
            "*.railway.internal exists inside Railway only, and `railway run` runs here: "
            "from here, set DATABASE_URL to ${{Postgres.DATABASE_PUBLIC_URL}}"
        )
    if "certificate" in message:
        return "Railway's certificate is self-signed: set DATABASE_SSL_MODE to require"
    return None


def _near(hosts: Sequence[str]) -> bool:
    return any(not host or is_local(host, "") for host in hosts)


def _private(hosts: Sequence[str]) -> bool:
    return any(host.lower().endswith(_PRIVATE) for host in hosts)


def _inside_railway(variables: Mapping[str, str]) -> bool:
    """Whether this process is in Railway's private network; `railway run` only has its variables."""
    own = variables.get("RAILWAY_PRIVATE_DOMAIN")
    if not own:
        return False
    try:
        socket.getaddrinfo(own, None)
    except OSError:
        return False
    return True
