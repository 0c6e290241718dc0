"""The journal's lines: every command's value comes back as it was, and nothing torn or damaged is taken for one."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import cast
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atb_db.errors import AtbDbError, JournalHeld, JournalUnusable, ResourceFull, StatementError
from atb_db.journal.contents import entry_record, header, read_contents, read_entries, read_status
from atb_db.journal.entries import OF_THE_MOMENT, check_journalable, restored
from atb_db.journal.file import JournalFile
from atb_db.journal.frames import frame, is_torn, unframe
from atb_db.journal.queue import Queue, Ticket
from atb_db.parameters import Parameter
from atb_db.repository import events, statements
from atb_db.rows import is_row_type
from atb_db.statement import Declared, Kind, Statement
from atb_db.types import Json, Number, Span
from tests.statements.given_rows import fields_of

COMMANDS = [one for one in statements() if one.kind is Kind.COMMAND and one.name not in OF_THE_MOMENT]
LIMIT = 1 << 20

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
DOCUMENTS = st.dictionaries(
    st.text(string.ascii_letters, max_size=5),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT, st.lists, max_leaves=5),
    max_size=3,
)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False) | st.floats(allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 2),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2199, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
)
BY_TYPE: dict[object, st.SearchStrategy[object]] = {
    Number: NUMBERS,
    Span: NUMBERS | st.timedeltas(timedelta(0), timedelta(days=999)),
    Json: DOCUMENTS,
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    str: TEXT,
    datetime: MOMENTS,
    UUID: st.uuids(),
}


def arguments(parameter: Parameter) -> st.SearchStrategy[object]:
    kind = parameter.type
    if isinstance(kind, type) and issubclass(kind, Enum):
        found: st.SearchStrategy[object] = st.sampled_from(list(kind))
    elif is_row_type(kind):
        found = st.lists(rows(kind), max_size=3)
    else:
        found = BY_TYPE[kind]
    return st.none() | found if parameter.optional else found


def rows(kind: type[tuple[object, ...]]) -> st.SearchStrategy[object]:
    fields = {one.name: one for one in fields_of(kind)}
    return st.fixed_dictionaries(
        {name: arguments(one) for name, one in fields.items() if one.required},
        optional={name: arguments(one) for name, one in fields.items() if not one.required},
    ).map(lambda given: kind(**given))


@st.composite
def values(draw: st.DrawFn) -> Statement[object]:
    """A value of any command, with any of its optional parameters."""
    command: Declared[object] = draw(st.sampled_from(COMMANDS))
    chosen = [one for one in command.parameters if one.required or draw(st.booleans())]
    return command.value({one.name: draw(arguments(one)) for one in chosen})


def note(message: str = "hello") -> Statement[int]:
    return events.log_event(event_type="TEST", message=message)


def written(path: Path, *messages: str) -> list[bytes]:
    """A journal with these entries; its lines."""
    queue = Queue(path, LIMIT)
    for message in messages:
        queue.append(note(message))
    queue.close()
    return path.read_bytes().splitlines(keepends=True)


def waiting(path: Path) -> list[object]:
    return [entry.values["message"] for entry in read_entries(path) if entry.problem is None]


def reopened(path: Path) -> tuple[int, int]:
    """What a new writer finds: how many wait, and how many are set aside."""
    queue = Queue(path, LIMIT)
    try:
        return queue.depth()
    finally:
        queue.close()


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values())
def test_a_value_comes_back_as_it_was(statement: Statement[object]) -> None:
    record = unframe(frame(entry_record(1, statement, datetime.now(UTC))))
    assert record is not None
    again = restored(
        str(record["statement"]), cast("list[str]", record["given"]), cast("dict[str, str]", record["values"])
    )
    assert again == statement
    assert again.given == statement.given
    assert repr(again.values) == repr(statement.values)  # 1.0 is not 1.00
    assert again.server_values() == statement.server_values()


@pytest.mark.parametrize("declaration", statements(), ids=str)
def test_only_commands_that_may_come_late_are_taken(declaration: Declared[object]) -> None:
    statement = Statement(declaration, tuple(None for _ in declaration.parameters), ())
    if declaration in COMMANDS:
        check_journalable(statement)
    else:
        with pytest.raises(StatementError) as caught:
            check_journalable(statement)
        assert caught.value.statement == declaration.name


def test_what_is_of_the_moment_exists() -> None:
    assert {one.name for one in statements() if one.kind is Kind.COMMAND} >= OF_THE_MOMENT


def test_a_tail_torn_at_any_byte_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    lines = written(path, "one", "two")
    whole, last = b"".join(lines[:-1]), lines[-1]
    for length in range(1, len(last)):
        assert unframe(last[:length]) is None
        assert is_torn(last[:length])
    for length in range(0, len(last), 9):
        path.write_bytes(whole + last[:length])
        assert waiting(path) == ["one"]
        assert reopened(path) == (1, 0)
        assert unframe(path.read_bytes().splitlines(keepends=True)[-1]) is not None
    assert not is_torn(last)


def test_a_flipped_bit_loses_one_entry_and_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    lines = written(path, "one", "two", "three")
    for place in {*range(0, len(lines[2]), 9), len(lines[2]) - 1}:
        damaged = bytearray(lines[2])
        damaged[place] ^= 1 << place % 8
        path.write_bytes(b"".join([*lines[:2], bytes(damaged), lines[3]]))
        found = read_status(path)
        assert found.set_aside >= 1
        # A line break that is none joins two lines.
        assert set(waiting(path)) == {"one"} if place == len(damaged) - 1 else {"one", "three"}
        assert reopened(path) == (found.waiting, found.set_aside)
        assert read_status(path)[2:4] == (found.waiting, found.set_aside)


def test_a_flipped_bit_in_the_last_entry_is_no_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    lines = written(path, "one", "two")
    for place in range(len(lines[-1]) * 8):
        damaged = bytearray(lines[-1])
        damaged[place // 8] ^= 1 << place % 8
        for part in bytes(damaged).split(b"\n"):
            raw = part + b"\n" if place // 8 < len(damaged) - 1 else part
            assert unframe(raw) is None
            assert not is_torn(raw)
    path.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b"two", b"two!")]))
    assert (waiting(path), len(read_contents(path).damaged)) == (["one"], 1)


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.toml"
    path.write_text("[engine]\nsymbol = 'BTCUSDT'\n")
    for attempt in (lambda: Queue(path, LIMIT), lambda: read_status(path)):
        with pytest.raises(JournalUnusable, match="is no journal"):
            attempt()
    assert path.read_text() == "[engine]\nsymbol = 'BTCUSDT'\n"


@pytest.mark.parametrize("content", [None, b""])
def test_a_missing_or_empty_file_becomes_a_journal(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journal"
    if content is not None:
        path.write_bytes(content)
    assert reopened(path) == (0, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    body = b'{"new":true}'
    start = b"2 %08x" % len(body)
    path.write_bytes(frame(header(1)) + b"%b %08x %b\n" % (start, crc32(start + body), body))
    with pytest.raises(JournalUnusable, match="format 2"):
        Queue(path, LIMIT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"statement": "events.log_gossip"}, "no statement of this version"),
        ({"values": {"message": "m", "event_type": "TEST", "volume": 1}}, "no parameter volume"),
        ({"values": {"message": "m"}}, "needs event_type"),
        ({"values": {"event_type": "RUMOUR", "message": "m"}}, "must be one of"),
        ({"values": {"event_type": "TEST", "message": 7}}, "must be text"),
        ({"given": ["gossip"]}, "no parameter gossip"),
    ],
)
def test_what_another_version_wrote_is_set_aside(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    path = tmp_path / "journal"
    record = {**entry_record(1, note(), datetime.now(UTC)), **changes}
    path.write_bytes(frame(header(1)) + frame(record) + frame(entry_record(2, note("next"), datetime.now(UTC))))
    assert reopened(path) == (1, 1)
    [aside, _] = read_entries(path)
    assert aside.problem is not None
    assert reason in aside.problem.message


def test_a_parameter_that_came_later_has_its_default() -> None:
    statement = note()
    record = entry_record(1, statement, datetime.now(UTC))
    kept = {name: value for name, value in cast("dict[str, str]", record["values"]).items() if name != "component"}
    assert restored(statement.name, statement.given, kept) == statement


def test_numbers_go_on_and_a_small_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    queue = Queue(path, 8192)
    for number in range(1, 201):
        ticket = queue.append(note("x" * 100))
        assert ticket.entry.number == number
        queue.succeed(ticket, None)
        queue.tidy()
        assert path.stat().st_size <= 8192
    queue.close()
    queue = Queue(path, 8192)
    assert queue.append(note()).entry.number == 201
    queue.close()


def test_it_is_full_at_its_limit_and_takes_more_when_entries_are_done(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    queue = Queue(path, 8192)
    tickets: list[Ticket] = []

    def fill() -> None:
        while True:
            tickets.append(queue.append(note("x" * 100)))

    with pytest.raises(ResourceFull, match="entries wait") as caught:
        fill()
    assert caught.value.statement == "events.log_event"
    size = path.stat().st_size
    assert 7000 < size <= 8192
    for ticket in tickets:
        queue.succeed(ticket, None)
    assert path.stat().st_size <= 8192
    queue.append(note())
    queue.close()
    assert waiting(path) == ["hello"]


def test_only_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    queue = Queue(path, LIMIT)
    with pytest.raises(JournalHeld, match="another process writes"):
        Queue(path, LIMIT)
    queue.close()
    Queue(path, LIMIT).close()


def test_a_removed_file_takes_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    queue = Queue(path, LIMIT)
    path.unlink()
    with pytest.raises(JournalUnusable, match="was removed"):
        queue.append(note())
    queue.close()
    with pytest.raises(JournalUnusable, match="is closed"):
        queue.append(note())


def test_what_is_set_aside_outlives_compaction_and_can_be_revived_or_given_up(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    queue = Queue(path, 8192)
    tickets = [queue.append(note(text)) for text in ("poison", "more poison", *"abc")]
    for ticket in tickets[:2]:
        assert queue.fail(ticket, AtbDbError("index row too large", sqlstate="54000"))
    for ticket in tickets[2:]:
        queue.succeed(ticket, None)
    queue._compact()
    queue.close()
    queue = Queue(path, 8192)
    assert queue.depth() == (0, 2)
    assert [entry.problem and entry.problem.sqlstate for entry in read_entries(path)] == ["54000"] * 2
    assert queue.discard([2, 99]) == 1
    queue.append(note("later"))
    queue.revive()
    assert (head := queue.head()) is not None
    assert head.entry.number == 1
    queue.close()
    assert [entry.values["message"] for entry in read_entries(path)] == ["poison", "later"]


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, "one")
    path.chmod(0o644)
    assert reopened(path) == (1, 0)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "journal.lock").stat().st_mode & 0o777 == 0o600


def test_a_crash_before_the_rename_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, "one")
    (tmp_path / "journal.new").write_bytes(b"half a compac")
    file = JournalFile(path)

    def lines() -> object:
        yield frame(header(1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.replace(lines())  # type: ignore[arg-type]
    file.close()
    assert waiting(path) == ["one"]
    assert not (tmp_path / "journal.new").exists()
