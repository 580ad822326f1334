"""The condition of the storage, for `tallystick doctor`: what is right, what is worth knowing, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tallystick.semconv import UNATTRIBUTED
from tallystick_receiver.settings import Settings
from tallystick_receiver.store.completeness import Scope, State, read_completeness
from tallystick_receiver.store.edition import Edition, EditionError, advice, check, read_server, recorded_edition
from tallystick_receiver.store.migrate import MigrationError, pending
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

_ROLLS_BEHIND: Final = 1_000_000
_BOOKS: Final = timedelta(days=7)
_DEFAULTS: Final = Settings()


class Grade(StrEnum):
    """How bad it is."""

    RIGHT = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    subject: str
    grade: Grade
    sentence: str


async def examine(connection: asyncpg.Connection) -> list[Finding]:
    """Look at everything; nothing is changed."""
    server = await read_server(connection)
    edition = await recorded_edition(connection)
    found = [Finding(subject="server", grade=Grade.RIGHT, sentence=f"PostgreSQL {server.postgresql}, TimescaleDB "
                     f"{server.extension or 'not in this database'}, offered {server.offered or 'none'}")]  # fmt: skip
    if edition is None:
        return [*found, Finding(subject="schema", grade=Grade.WRONG, sentence="no schema: run 'tallystick migrate'")]
    try:
        check(edition, server)
        hint = advice(edition, server)
        found.append(Finding(subject="edition", grade=Grade.NOTE if hint else Grade.RIGHT,
                             sentence=f"{edition.value}{f'; {hint}' if hint else ''}"))  # fmt: skip
    except EditionError as error:
        found.append(Finding(subject="edition", grade=Grade.WRONG, sentence=str(error)))
    found.append(await _schema(connection, edition))
    if found[-1].grade is not Grade.RIGHT:
        return found
    return [*found, *await _contents(connection), await _books(connection)]


async def _schema(connection: asyncpg.Connection, edition: Edition) -> Finding:
    try:
        missing = await pending(connection, edition)
    except MigrationError as error:
        return Finding(subject="schema", grade=Grade.WRONG, sentence=str(error))
    if missing:
        names = ", ".join(f"{m.number:04} {m.name}" for m in missing)
        return Finding(subject="schema", grade=Grade.WRONG, sentence=f"run 'tallystick migrate' for {names}")
    return Finding(subject="schema", grade=Grade.RIGHT, sentence="up to date")


async def _contents(connection: asyncpg.Connection) -> list[Finding]:
    row = await connection.fetchrow(statement("read_condition"))
    lost, anonymous = row["unattributed"], row["anonymous"]
    found = [
        _finding("receiver", "running" if row["running"] else "none rolls up at the moment", right=row["running"]),
        _finding("partitions", "made ahead" if row["tomorrow"] else "not made ahead yet", right=row["tomorrow"]),
        _finding("rollups", f"about {row['deltas']} delta rows wait", right=row["deltas"] <= _ROLLS_BEHIND),
        _finding("quarantine", f"{row['quarantined']} refused points wait for a replay", right=not row["quarantined"]),
        _finding("attribution", _attribution(lost), right=not lost),
        _finding("writers", f"{anonymous} have no service.instance.id", right=not anonymous),
        _finding("keys", f"{row['keys']} in force" if row["keys"] else "none: open to everybody on loopback",
                 right=row["keys"]),
    ]  # fmt: skip
    for relation, day in (
        (row["dropped"] and dict(zip(row["dropped"], row["dropped_days"], strict=True))) or {}
    ).items():
        found.append(Finding(subject="retention", grade=Grade.RIGHT, sentence=f"{relation} is kept from {day}"))
    return found


def _attribution(points: int) -> str:
    if not points:
        return "no point of the last month lost its attributes"
    return f"{points} points of the last month lost their attributes to an SDK's cardinality limit: see {UNATTRIBUTED}"


async def _books(connection: asyncpg.Connection) -> Finding:
    now = await connection.fetchval("SELECT now()")
    scope = Scope(start=now - _BOOKS, end=now, org=None, types=())
    found = await read_completeness(
        connection, scope, now=now, silent_after=timedelta(seconds=_DEFAULTS.silent_seconds_min),
        late=timedelta(seconds=_DEFAULTS.late_seconds_max),
    )  # fmt: skip
    said = [
        f"{sum(gap.points for gap in found.gaps)} points are known to be missing" if found.gaps else "",
        f"{sum(copy.points for copy in found.copied)} points may be copies made by forks" if found.copied else "",
        f"{len(found.silent)} senders are silent" if found.silent else "",
        f"{len(found.unannounced)} writers announce nothing" if found.unannounced else "",
        "nobody announces anything" if not found.senders else "",
    ]
    sentence = ", ".join(filter(None, said)) or "all that was announced is here"
    return _finding(
        "completeness", f"last {_BOOKS.days} days: {sentence}", right=found.state is State.COMPLETE and not found.copied
    )


def _finding(subject: str, sentence: str, *, right: object) -> Finding:
    return Finding(subject=subject, grade=Grade.RIGHT if right else Grade.NOTE, sentence=sentence)
