"""From what a sender wrote to the ids that the database knows, remembered so that a point costs one look-up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

import numpy as np

from tallystick.refusal import Reason, Refused
from tallystick.semconv import (
    ID_LENGTH_MAX,
    KIND_HISTOGRAM,
    KIND_LEVEL,
    KIND_OPERATIONS,
    METRIC_NAME_LENGTH_MAX,
    METRIC_OVERFLOW,
    ORG_ALIASES,
    PROJECT_ALIASES,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
    UNATTRIBUTED,
    UNIT_LENGTH_MAX,
)
from tallystick_receiver.attributes import (
    Attributes,
    Value,
    canonical,
    check_text,
    dimension_value,
)
from tallystick_receiver.identity import (
    Stream,
    Writer,
    id_of,
    metric_id_of,
    org_id_of,
)

_COLUMNS: Final = 4
_REMEMBERED_BYTES_MAX: Final = 8192
_REMEMBERED_REFUSALS_MAX: Final = 1000
ORG, DIMS, SERIES, METRIC = range(_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What streams inherit from their resource; writers of one service and org share it."""

    credential_org: str | None
    org: str | None
    project: str | None
    service: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A resource as far as usage is concerned: its writer, and what its points inherit."""

    writer: Writer
    writer_id: int
    family: Family


@dataclass(slots=True)
class Metric:
    """One metric under one scope and family, with the streams seen so far, by their attributes' bytes.

    A negative number -1-n stands for the refusal n: what is refused once is refused as fast the next time.
    `operations` is where the counts of a histogram go, whose sums are this metric.
    """

    family: Family
    scope: str
    key: str
    unit: str
    kind: str
    is_cumulative: bool = False
    operations: Metric | None = None
    by_attributes: dict[bytes, int] = field(default_factory=dict)
    refusals: list[Refused] = field(default_factory=list)


class Streams:
    """The streams this receiver has seen, as rows of ids, with what the dictionaries still have to learn."""

    def __init__(self, *, org_aliases: tuple[str, ...] = ORG_ALIASES, streams_max: int = 500_000) -> None:
        self.org_aliases = org_aliases
        self._streams_max = streams_max
        self._forget()

    def _forget(self) -> None:
        self.ids = np.zeros((1024, _COLUMNS), dtype=np.int64)
        self.is_level = np.zeros(1024, dtype=bool)
        self.is_operations = np.zeros(1024, dtype=bool)
        self.is_cumulative = np.zeros(1024, dtype=bool)
        self.is_described = np.zeros(1024, dtype=bool)
        self.undescribed: dict[int, Stream] = {}
        self.described_writers: set[int] = set()
        self.sources: dict[tuple[str | None, bytes], Source] = {}
        self.metrics: dict[tuple[object, ...], Metric] = {}
        self._index: dict[bytes, int] = {}
        self._attribute_sets = 0

    def make_room(self) -> None:
        """Start anew when the bound is reached; call it between requests, never within one."""
        if self._attribute_sets > self._streams_max or len(self.sources) > self._streams_max:
            self._forget()

    def source(self, attributes: Attributes, credential_org: str | None) -> Source:
        """What a resource means.

        Raises:
            Refused: an id or service name in it cannot be stored; every point below it is refused.
        """
        named = dict(attributes)
        texts = {key: _text(named.get(key)) for key in (SERVICE_NAMESPACE, SERVICE_NAME, SERVICE_INSTANCE_ID)}
        for text in texts.values():
            check_text(text, ID_LENGTH_MAX, Reason.ATTRIBUTE_TOO_LONG)
        writer = Writer(
            credential_org=credential_org,
            namespace=texts[SERVICE_NAMESPACE],
            name=texts[SERVICE_NAME],
            instance=texts[SERVICE_INSTANCE_ID],
        )
        family = Family(
            credential_org=credential_org,
            org=_first_id(named, self.org_aliases),
            project=_first_id(named, PROJECT_ALIASES),
            service=texts[SERVICE_NAME] or None,
        )
        return Source(writer=writer, writer_id=id_of(writer.identity), family=family)

    def metric(
        self, family: Family, scope: str, name: str, unit: str, kind: str, *, is_cumulative: bool = False
    ) -> Metric:
        """One metric's streams.

        Raises:
            Refused: the name or unit is not one OTel allows.
        """
        if not name:
            raise Refused(Reason.INVALID_NAME, "the metric has no name")
        check_text(name, METRIC_NAME_LENGTH_MAX, Reason.INVALID_NAME)
        check_text(unit, UNIT_LENGTH_MAX, Reason.INVALID_NAME)
        made = Metric(
            family=family, scope=scope, key=name.lower(), unit=unit, kind=kind, is_cumulative=is_cumulative
        )  # fmt: skip
        if kind == KIND_HISTOGRAM:
            made.operations = replace(made, kind=KIND_OPERATIONS, by_attributes={}, refusals=[])
        return made

    def stream(self, metric: Metric, attributes: Attributes) -> int:
        """The row of a stream, made on first sight.

        Args:
            metric: the metric that the point belongs to.
            attributes: the point's own attributes, canonical.

        Raises:
            Refused: no organisation, a foreign one, or an id that cannot be stored.
        """
        named = dict(attributes)
        org = self._org_of(named, metric.family)
        project = _first_id(named, PROJECT_ALIASES)
        ids = (*self.org_aliases, *PROJECT_ALIASES)
        dimensions = [(key, value) for key, value in attributes if key not in ids]
        if metric.family.service is not None and SERVICE_NAME not in named:
            dimensions = canonical([*dimensions, (SERVICE_NAME, ["s", metric.family.service])])
        stream = Stream(
            org=org,
            project=metric.family.project if project is None else project,
            metric=metric.key,
            unit=metric.unit,
            kind=metric.kind,
            dimensions=dimensions,
            scope=metric.scope,
            is_cumulative=metric.is_cumulative,
        )
        return self._row(stream)

    def remember(self, metric: Metric, attributes: bytes, row: int) -> int:
        """Keep the row for the attributes' exact bytes."""
        if len(attributes) <= _REMEMBERED_BYTES_MAX:
            metric.by_attributes[attributes] = row
            self._attribute_sets += 1
        return row

    def remember_refusal(self, metric: Metric, attributes: bytes, refused: Refused) -> Refused:
        """Keep a refusal for the attributes' exact bytes, within bounds."""
        if len(metric.refusals) < _REMEMBERED_REFUSALS_MAX:
            metric.refusals.append(refused)
            self.remember(metric, attributes, -len(metric.refusals))
        return refused

    def describe(self, rows: np.ndarray) -> dict[int, Stream]:
        """The streams among `rows` that the dictionaries have not confirmed yet, by row."""
        unknown = np.unique(rows[~self.is_described[rows]])
        return {row: self.undescribed[row] for row in unknown.tolist() if row in self.undescribed}

    def confirm(self, streams: list[Stream], writers: list[Writer]) -> None:
        """The dictionaries hold these now."""
        for stream in streams:
            row = self._index.get(_digest(stream.series_identity))
            if row is not None:
                self.is_described[row] = True
                self.undescribed.pop(row, None)
        self.described_writers.update(id_of(writer.identity) for writer in writers)

    def _row(self, stream: Stream) -> int:
        identity = stream.series_identity
        digest = _digest(identity)
        row = self._index.get(digest)
        if row is not None:
            return row
        row = len(self._index)
        if row == len(self.ids):
            self.ids = np.concatenate([self.ids, np.zeros_like(self.ids)])
            self.is_level = np.concatenate([self.is_level, np.zeros_like(self.is_level)])
            self.is_operations = np.concatenate([self.is_operations, np.zeros_like(self.is_operations)])
            self.is_cumulative = np.concatenate([self.is_cumulative, np.zeros_like(self.is_cumulative)])
            self.is_described = np.concatenate([self.is_described, np.zeros_like(self.is_described)])
        self.ids[row] = (
            org_id_of(stream.org),
            id_of(stream.dims_identity),
            id_of(identity),
            metric_id_of(stream.metric, stream.unit, stream.kind),
        )
        self.is_level[row] = stream.kind == KIND_LEVEL
        self.is_operations[row] = stream.kind == KIND_OPERATIONS
        self.is_cumulative[row] = stream.is_cumulative
        self.undescribed[row] = stream
        self._index[digest] = row
        return row

    def _org_of(self, named: dict[str, Value], family: Family) -> str:
        org = _first_id(named, self.org_aliases)
        org = family.org if org is None else org
        if family.credential_org is None:
            if org is None:
                if named.get(METRIC_OVERFLOW) == ["b", True]:
                    return UNATTRIBUTED
                raise Refused(Reason.MISSING_ORG)
            return org
        if org is not None and org != family.credential_org:
            raise Refused(Reason.FOREIGN_ORG, f"the key is bound to {family.credential_org!r}, not {org!r}")
        return family.credential_org


def _digest(identity: str) -> bytes:
    """128 bits, so that two identities with one 64-bit id get two rows here and the dictionary can object."""
    return blake2b(identity.encode(), digest_size=16).digest()


def _text(value: Value | None) -> str:
    if value is None:
        return ""
    return value[1] if value[0] == "s" else str(dimension_value(value))


def _first_id(named: dict[str, Value], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = named.get(key)
        if value is None:
            continue
        if value[0] not in ("s", "i") or not value[1]:
            raise Refused(Reason.INVALID_ID, f"{key} must be a text of 1 to {ID_LENGTH_MAX} characters")
        if value[1] == UNATTRIBUTED:
            raise Refused(Reason.INVALID_ID, f"{key} must not be {UNATTRIBUTED}, which stands for lost attributes")
        check_text(value[1], ID_LENGTH_MAX, Reason.INVALID_ID)
        return str(value[1])
    return None
