"""Every setting of the receiver, in one table: flag over environment over default."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tallystick.semconv import ORG_ALIASES
from tallystick_receiver.mail_server import mail_server

ENVIRONMENT_PREFIX: Final = "TALLYSTICK_"
_OTHERS: Final = ("URL", "KEY", "SPOOL_", "CARDINALITY_LIMIT", "AGENT_", "GATEWAY_", "QUEUE_DIR", "TEST_")
"""What commands, exporters, Collectors (otel-config) and tests read begins so, after the prefix."""
_LEVEL_HOLD_SECONDS: Final = (900, 366 * 86_400)
_BODY_BYTES_LIMIT: Final = 2**32
_OWN_NAMES: Final = {"database_url": "DATABASE_URL"}
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
"""As a browser writes it: lower case, no path; it becomes a part of a header."""
_WANTED: Final[dict[type, str]] = {bool: "true or false", int: "a whole number", float: "a number"}
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}


class First(StrEnum):
    """Which cumulative streams count in full when their first point is seen; the others count from its value."""

    SINCE_INSTALL = "since_install"
    ALL = "all"
    NOTHING = "nothing"


class SettingsError(ValueError):
    """A setting cannot be used; the sentence names it."""


def _setting(default: Any, meaning: str, *, zero: bool = False, secret: bool = False) -> Any:  # noqa: ANN401 - a field
    metadata = {"meaning": meaning, "zero": zero, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may choose; sizes and times carry their unit in the name."""

    listen: str = _setting("127.0.0.1:4318", "address and port; without keys only a loopback address is accepted")
    database_url: str = _setting("", "PostgreSQL 16 or later; empty: the embedded one in data_dir")
    data_dir: str = _setting("tallystick-data", "folder of the embedded PostgreSQL")
    allowed_hosts: str = _setting(
        "", "without keys: names, besides localhost and addresses, by which browsers may ask, comma separated; *: any"
    )
    embed_origins: str = _setting(
        "", "sites whose pages may show the widgets, like https://app.example.com, comma separated; *: any; empty: none"
    )
    token_seconds_max: int = _setting(3600, "longest life of a read token (POST /api/v1/tokens)")
    tokens_per_key_max: int = _setting(100_000, "read tokens of one key that may live at once (503 above)")
    metrics_path: str = _setting("/v1/metrics", "where OTLP/HTTP metrics are received")
    org_attributes: str = _setting(",".join(ORG_ALIASES), "attributes that name the organisation, the first found wins")
    body_bytes_max: int = _setting(64 * 2**20, "size of a request body, before and after decompression (413 above)")
    large_body_bytes: int = _setting(4 * 2**20, "bodies above this size are received one at a time")
    points_per_request_max: int = _setting(1_000_000, "points and metrics in one request (400 above)")
    records_per_request_max: int = _setting(10_000, "records in one request of /api/v1/usage/records (413 above)")
    points_per_commit_max: int = _setting(100_000, "points of several requests grouped into one commit")
    points_waiting_max: int = _setting(2_000_000, "points decoded and not yet committed (503 above)")
    requests_in_flight_max: int = _setting(256, "requests of OTLP and records handled at once (503 above)")
    body_seconds_max: float = _setting(30.0, "time that a body may take to arrive, its turn included (503 above)")
    answer_seconds_max: float = _setting(5.0, "time until a request that is not committed is answered with 503")
    statement_seconds_max: float = _setting(3.0, "time that one SQL statement may take")
    late_seconds_max: int = _setting(7 * 86_400, "age up to which late points are accepted")
    ahead_seconds_max: int = _setting(600, "how far a point may lie in the future")
    cumulative_first: First = _setting(  # noqa: RUF009 - a field, as for the other settings
        First.SINCE_INSTALL,
        "cumulative streams that count in full at first sight: since_install (started after this database), all, "
        "nothing; others count from their first known value",
    )
    streams_remembered_max: int = _setting(200_000, "attribute sets kept in memory")
    quarantine_rows_max: int = _setting(100_000, "refused points kept; more are only counted")
    roll_seconds: float = _setting(5.0, "pause between two merges of deltas into rollups")
    roll_rows_max: int = _setting(20_000, "delta rows (of up to 64 deltas) merged at a time")
    keep_points_days: int = _setting(
        100, "age at which points are dropped, never before late_seconds_max; 0: never", zero=True
    )
    keep_hourly_days: int = _setting(
        800, "age at which rollups by quarter and hour are dropped, never before the points; 0: never", zero=True
    )
    keep_daily_days: int = _setting(
        0, "age at which rollups by day are dropped, never before those by hour; 0: never", zero=True
    )
    keep_cost_days: int = _setting(
        800,
        "age at which months of rows of cost are dropped, when they are closed and never before the rollups by hour; "
        "totals of months stay; 0: never",
        zero=True,
    )
    keep_events_days: int = _setting(100, "age at which events are dropped; 0: never", zero=True)
    points_chunk_hours: int = _setting(24, "span of a chunk of points on TimescaleDB")
    columnstore_after_days: int = _setting(9, "age at which chunks are compressed (TimescaleDB's community edition)")
    balance_seconds: float = _setting(2.0, "pause between two comparisons of what was announced with what arrived")
    gap_grace_seconds: float = _setting(30.0, "what is announced and missing for so long is a known gap")
    silent_seconds_min: float = _setting(60.0, "a sender is silent after three intervals without news, not before this")
    evaluate_seconds: float = _setting(0.5, "pause between two evaluations of thresholds whose usage changed")
    refill_seconds: float = _setting(5.0, "pause between two looks for refills of credits that are due")
    cost_seconds: float = _setting(5.0, "pause between two rounds of pricing; a changed rate ends it")
    cost_open_days: int = _setting(
        14,
        "time that a month stays open after its end; then its costs are frozen, and what changes is an adjustment",
        zero=True,
    )
    tell_seconds: float = _setting(
        1.0, "pause between two rounds that make events of usage (usage.recorded, usage.aggregated)"
    )
    close_seconds: float = _setting(60.0, "usage.aggregated of an hour, day or month is sent so long after its end")
    upkeep_seconds: float = _setting(600.0, "pause between two rounds of partitions, policies and retention")
    audit_seconds: float = _setting(900.0, "pause between two days that the audit verifies")
    query_seconds_max: float = _setting(30.0, "time that one query may take")
    level_hold_seconds: int = _setting(
        3600, "time that a sample of a level holds when no other follows, 900 to 31622400; then the level is unknown"
    )
    query_rows_max: int = _setting(100_000, "rows in one answer of /api/usage (400 above)")
    deliver_seconds: float = _setting(0.5, "pause between two looks for events that are due to be sent")
    deliver_attempt_seconds_max: float = _setting(10.0, "time that one attempt to send an event may take")
    deliver_retry_seconds: float = _setting(5.0, "first pause before an event is sent again; each doubles, up to 2 h")
    deliver_give_up_seconds: float = _setting(86_400.0, "age at which a delivery that keeps failing is parked")
    deliver_at_once_max: int = _setting(64, "attempts to send at once, over HTTP; an eighth of it by e-mail")
    deliver_per_endpoint_max: int = _setting(4, "attempts at once to one endpoint; one while it fails")
    deliver_private_addresses: bool = _setting(
        False,  # noqa: FBT003 - a field, as for the other settings
        "whether webhooks may lead to private, loopback and link-local addresses",
        zero=True,
    )
    deliveries_per_endpoint_max: int = _setting(
        10_000, "deliveries of an endpoint that may wait (older ones are parked), and be parked (older ones go)"
    )
    keep_deliveries_days: int = _setting(30, "age at which deliveries that ended are forgotten")
    webhooks_per_org_max: int = _setting(20, "endpoints of one organisation, and of the operator (409 above)")
    smtp_url: str = _setting(
        "", "mail server: smtp://user@host:587 (STARTTLS), smtps://... (TLS) or smtp+plain://... (neither); empty: none"
    )
    smtp_from: str = _setting("", "whom mails are from, like Tallystick <usage@example.com>")
    smtp_password: str = _setting("", "password of the user in smtp_url; from the environment only", secret=True)
    exports_max: int = _setting(2, "exports at once, of usage and of cost (503 above)")
    export_seconds_max: float = _setting(3600.0, "time that one export may take; then its connection is cut")
    stop_seconds_max: float = _setting(8.0, "time to finish what is waiting when the receiver is stopped")

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and (value < 0 or (value == 0 and not item.metadata["zero"])):
                raise SettingsError(f"{item.name} must be above 0, not {value}")
        if ":" not in self.listen or not self.listen.rpartition(":")[2].isdigit():
            raise SettingsError(f"listen must be like 127.0.0.1:4318, not {self.listen!r}")
        if self.body_bytes_max >= _BODY_BYTES_LIMIT:
            raise SettingsError(f"body_bytes_max must be below 4 GiB, not {self.body_bytes_max}")
        least, most = _LEVEL_HOLD_SECONDS
        if not least <= self.level_hold_seconds <= most:
            raise SettingsError(f"level_hold_seconds must be {least} to {most}, not {self.level_hold_seconds}")
        _check_words("embed_origins", self.embed_origins, _ORIGIN, "https://app.example.com, without a path")
        _check_words("allowed_hosts", self.allowed_hosts, _HOST_NAME, "metering.internal, without a port")
        if not self.metrics_path.startswith("/"):
            raise SettingsError(f"metrics_path must begin with /, not {self.metrics_path!r}")
        try:
            mail_server(self.smtp_url, self.smtp_from, self.smtp_password)
        except ValueError as error:
            raise SettingsError(str(error)) from None

    @property
    def host(self) -> str:
        """The address to listen on, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])


def _check_words(name: str, text: str, form: re.Pattern[str], example: str) -> None:
    for word in named(text):
        if word != "*" and not form.fullmatch(word):
            raise SettingsError(f"{name} must be * or like {example}, not {word!r}")


def named(text: str) -> tuple[str, ...]:
    """The words of a comma list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One line of the table that `tallystick config` and the README show."""

    name: str
    environment: str
    default: str
    meaning: str
    is_secret: bool


def table() -> list[SettingRow]:
    """All settings in order."""
    return [
        SettingRow(
            name=item.name,
            environment=_OWN_NAMES.get(item.name, ENVIRONMENT_PREFIX + item.name.upper()),
            default=shown_value(item.default, is_secret=item.metadata["secret"]),
            meaning=item.metadata["meaning"],
            is_secret=item.metadata["secret"],
        )
        for item in dataclasses.fields(Settings)
    ]


def shown_value(value: Any, *, is_secret: bool) -> str:  # noqa: ANN401 - of any setting's type
    """A value as people read it; of a secret, whether there is one."""
    if is_secret:
        return "(set)" if value else ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_settings(flags: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from flags (None where not given) over the environment over defaults.

    Raises:
        SettingsError: a value has the wrong type or is out of range.
    """
    values: dict[str, Any] = {}
    for item, row in zip(dataclasses.fields(Settings), table(), strict=True):
        given = flags.get(item.name)
        text = environment.get(row.environment) if given is None else given
        if text is None or text == "":
            continue
        kind: type[Any] = type(item.default)
        try:
            values[item.name] = _TRUTH[str(text).lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            wanted = f"one of {', '.join(kind)}" if issubclass(kind, StrEnum) else _WANTED[kind]
            raise SettingsError(f"{row.environment} must be {wanted}, not {text!r}") from None
    return Settings(**values)


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Variables that look like settings and are none, and which setting may be meant by each."""
    known = {row.environment for row in table()}
    unknown = [
        name for name in sorted(environment)
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known
        and not name.removeprefix(ENVIRONMENT_PREFIX).startswith(_OTHERS)
    ]  # fmt: skip
    return {name: next(iter(difflib.get_close_matches(name, known, 1)), None) for name in unknown}
