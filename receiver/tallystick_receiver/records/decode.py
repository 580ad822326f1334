"""Bytes -> Batch: the records of one request, each accepted or refused by itself."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from tallystick.quantity import Quantity
from tallystick.refusal import Reason, Refused
from tallystick.semconv import KIND_SUM
from tallystick_receiver.admission import TimeLimits, refuse_times
from tallystick_receiver.errors import BodyError, Malformed
from tallystick_receiver.identity import RECORDS_SCOPE, Writer, id_of, identity_text
from tallystick_receiver.points import Batch, Points, Records
from tallystick_receiver.records.cloud_event import Mapping, record_of_event
from tallystick_receiver.records.json_text import parse
from tallystick_receiver.records.record import Record, record_of
from tallystick_receiver.streams import DIMS, METRIC, ORG, SERIES, Family, Streams

JSON_TYPE: Final = "application/json"
EVENT_TYPE: Final = "application/cloudevents+json"
EVENTS_TYPE: Final = "application/cloudevents-batch+json"
_UINT64_MAX: Final = 2**64 - 1
_DIGEST_BYTES: Final = 16


@dataclass(slots=True, kw_only=True)
class Decoded:
    """A request of records.

    Attributes:
        batch: what is to be committed.
        ids: by place, the id that was given or made; None where there is none that can be read.
        is_single: one record and not a batch, so that its answer is one, too.
    """

    batch: Batch
    ids: list[str | None]
    is_single: bool


def decode(
    body: bytes, content_type: str, mapping: Mapping, *, streams: Streams, credential_org: str | None,
    limits: TimeLimits, records_max: int,
) -> Decoded:  # fmt: skip
    """All records of a body, admitted.

    Args:
        body: the body, decompressed.
        content_type: JSON_TYPE, EVENT_TYPE or EVENTS_TYPE.
        mapping: what CloudEvents do not say themselves.
        streams: what this receiver remembers; not safe for two threads at once.
        credential_org: the organisation the key is bound to, if it is.
        limits: how old and how early records may be.
        records_max: records of one request.

    Raises:
        Malformed: the body is not such a text.
        BodyError: it has too many records.
    """
    items, is_single = _items(parse(body), content_type)
    if len(items) > records_max:
        raise BodyError(413, f"more than {records_max} records in one request; send them in parts")
    streams.make_room()
    reader = _Reader(streams, credential_org, mapping, are_events=content_type != JSON_TYPE)
    for place, item in enumerate(items):
        reader.read(place, item, limits.now_ns)
    records = reader.records(limits)
    described = streams.describe(np.array(reader.rows, dtype=np.int64))
    batch = Batch(
        points=Points.empty(), records=records, streams=list(described.values()), credential_org=credential_org,
        writers=[reader.writer] if described or reader.writer_id not in streams.described_writers else [],
    )  # fmt: skip
    return Decoded(batch=batch, ids=reader.ids, is_single=is_single)


def _items(document: Any, content_type: str) -> tuple[list[Any], bool]:  # noqa: ANN401 - any JSON value
    if content_type != EVENT_TYPE and isinstance(document, list):
        return document, False
    if content_type == EVENTS_TYPE or not isinstance(document, dict):
        raise Malformed(f"{content_type} must hold {'an array' if content_type == EVENTS_TYPE else 'an object'}")
    if content_type == JSON_TYPE and "records" in document:
        if document.keys() != {"records"} or not isinstance(document["records"], list):
            raise Malformed('a batch is an array, or {"records": [...]}')
        return document["records"], False
    return [document], True


class _Reader:
    """Reads one item after the other into columns."""

    def __init__(self, streams: Streams, credential_org: str | None, mapping: Mapping, *, are_events: bool) -> None:
        self.writer = Writer(credential_org=credential_org, namespace="tallystick", name="records", instance="records")
        self.writer_id = id_of(self.writer.identity)
        self.rows: list[int] = []
        self.ids: list[str | None] = []
        self._streams = streams
        self._mapping = mapping
        self._are_events = are_events
        self._family = Family(credential_org=credential_org, org=None, project=None, service=None)
        self._records: list[tuple[int, bytes, int, bool, Quantity]] = []
        self._refused: dict[int, Refused] = {}

    def read(self, place: int, item: Any, now_ns: int) -> None:  # noqa: ANN401 - any JSON value
        """One item; a record that does not say its time is of now."""
        try:
            if not isinstance(item, dict):
                raise Refused(Reason.MALFORMED, "a record is a JSON object")  # noqa: TRY301 - one way out
            record = self._record(item)
            row = self._row(record)
        except Refused as refused:
            self._refused[place] = refused
            self.ids.append(item["id"] if isinstance(item, dict) and type(item.get("id")) is str else None)
            return
        self.ids.append(record.id)
        self.rows.append(row)
        time_ns = now_ns if record.time_ns is None else record.time_ns
        self._records.append((place, self._digest(record), time_ns, record.time_ns is not None, record.quantity))

    def records(self, limits: TimeLimits) -> Records:
        """What was read and admitted, as sums; a point is of the nanosecond before its end, so that is one later."""
        row = np.array(self.rows, dtype=np.int64)
        ids, count = self._streams.ids, len(self._records)
        ends = [min(max(record[2] + 1, 1), _UINT64_MAX) for record in self._records]
        end = np.array(ends, dtype=np.uint64)
        points = Points(
            org_id=ids[row, ORG], dims_id=ids[row, DIMS], series_id=ids[row, SERIES], metric_id=ids[row, METRIC],
            writer_id=np.full(count, self.writer_id, dtype=np.int64), start_ns=np.zeros(count, dtype=np.int64),
            end_ns=end.astype(np.int64),
            mantissa=np.array([record[4].mantissa for record in self._records], dtype=np.int64),
            exponent=np.array([record[4].exponent for record in self._records], dtype=np.int16),
            is_level=np.zeros(count, dtype=bool), is_anonymous=np.zeros(count, dtype=bool),
        )  # fmt: skip
        records = Records(
            points=points, ids=[record[1] for record in self._records], refused=self._refused,
            is_dated=np.array([record[3] for record in self._records], dtype=bool),
            place=np.array([record[0] for record in self._records], dtype=np.int64),
        )  # fmt: skip
        wrong = refuse_times(np.zeros(count, dtype=np.uint64), end, limits)
        refused = np.zeros(count, dtype=bool)
        for reason, mask in wrong.items():
            records.refused |= dict.fromkeys(records.place[mask & ~refused].tolist(), Refused(reason))
            refused |= mask
        if refused.any():
            records.keep(~refused)
        return records

    def _record(self, item: dict[str, Any]) -> Record:
        if self._are_events or "specversion" in item:
            return record_of_event(item, self._mapping, self._streams.org_aliases[0])
        return record_of(item, self._streams.org_aliases[0])

    def _row(self, record: Record) -> int:
        streams = self._streams
        key = (self._family, RECORDS_SCOPE, record.metric, record.unit, KIND_SUM, False)
        metric = streams.metrics.get(key)
        attributes = repr(record.attributes).encode()
        if metric is not None and (row := metric.by_attributes.get(attributes)) is not None:
            return row
        metric = metric or streams.metric(self._family, RECORDS_SCOPE, record.metric, record.unit, KIND_SUM)
        row = streams.stream(metric, record.attributes)
        streams.metrics[key] = metric
        return streams.remember(metric, attributes, row)

    def _digest(self, record: Record) -> bytes:
        text = identity_text("record", self._family.credential_org, record.source, record.id)
        return blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
