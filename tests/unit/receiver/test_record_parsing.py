"""What a record's JSON means: exact numbers, times to the nanosecond, subjects, CloudEvents, and what is refused."""

from datetime import UTC, datetime

import pytest

from tallystick.quantity import Quantity
from tallystick.refusal import Reason, Refused
from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.errors import BodyError, Malformed
from tallystick_receiver.records.cloud_event import Mapping
from tallystick_receiver.records.decode import EVENT_TYPE, EVENTS_TYPE, JSON_TYPE, decode
from tallystick_receiver.records.json_text import Number, attribute_in, parse, quantity_in
from tallystick_receiver.records.moment import nanoseconds_of
from tallystick_receiver.streams import Streams

NOW = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()) * 10**9
LIMITS = TimeLimits(now_ns=NOW, late_ns=7 * 86_400 * 10**9, ahead_ns=600 * 10**9)


def decoded(body, content_type=JSON_TYPE, *, org=None, mapping=None, records_max=100):
    return decode(
        body.encode(), content_type, mapping or Mapping(), streams=Streams(), credential_org=org, limits=LIMITS,
        records_max=records_max,
    )  # fmt: skip


def stream_of(body, content_type=JSON_TYPE, **how):
    """The stream of the only record, which must be admitted."""
    found = decoded(body, content_type, **how)
    assert found.batch.records.refused == {}
    [stream] = found.batch.streams
    return stream


def reason_of(body, content_type=JSON_TYPE, **how):
    [refused] = decoded(body, content_type, **how).batch.records.refused.values()
    return refused.reason


def record(rest, quantity="1"):
    return f'{{"metricKey": "calls", "subjectType": "org", "subjectId": "acme", "quantity": {quantity}{rest}}}'


@pytest.mark.parametrize(
    ("text", "seconds", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("2026-11-01T12:00:00Z", NOW // 10**9, 0),
        ("2026-11-01t12:00:00.000000001z", NOW // 10**9, 1),
        ("2026-11-01 12:00:00.5Z", NOW // 10**9, 500_000_000),
        ("2026-11-01T17:30:00.123456789+05:30", NOW // 10**9, 123_456_789),
        ("2026-11-01T08:00:00-04:00", NOW // 10**9, 0),
        ("1969-12-31T23:59:59.9Z", -1, 900_000_000),
    ],
)
def test_a_time_is_read_to_the_nanosecond(text, seconds, nanoseconds):
    assert nanoseconds_of(text) == seconds * 10**9 + nanoseconds


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-01", "2026-11-01T12:00:00", "2026-13-01T12:00:00Z", "2026-11-01T24:00:00Z",
     "2026-11-01T12:00:60Z", "2026-11-01T12:00:00.1234567890Z", "2026-11-01T12:00:00+24:00", "0000-01-01T00:00:00Z",
     "2026-11-01T12:00:00Z\n", "٢٠٢٦-11-01T12:00:00Z"],
)  # fmt: skip
def test_what_is_no_rfc_3339_time_is_refused(text):
    with pytest.raises(ValueError):
        nanoseconds_of(text)


@pytest.mark.parametrize(
    ("text", "quantity"),
    [("0", (0, 0)), ("-0", (0, 0)), ("5", (5, 0)), ("1000", (1000, 0)), ("5.0", (5, 0)), ("0.1", (1, -1)),
     ("12.50", (125, -1)), ("1e3", (1000, 0)), ("1E+3", (1000, 0)), ("9223372036854775807", (2**63 - 1, 0)),
     ("1e300", (1, 300)), ("0.30000000000000000", (3, -1)), ("0." + "0" * 300 + "7", (7, -301)), (".5", (5, -1))],
)  # fmt: skip
def test_a_quantity_is_exact_as_a_number_and_as_a_text(text, quantity):
    assert quantity_in(text, "quantity") == Quantity(*quantity)
    if text[0] != ".":
        assert quantity_in(parse(text.encode()), "quantity") == Quantity(*quantity)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.VALUE_MISSING), (True, Reason.MALFORMED), ([], Reason.MALFORMED), ("", Reason.NOT_A_NUMBER),
        ("NaN", Reason.NOT_A_NUMBER), ("Infinity", Reason.NOT_A_NUMBER), ("1_000", Reason.NOT_A_NUMBER),
        (" 1", Reason.NOT_A_NUMBER), ("0x10", Reason.NOT_A_NUMBER), ("\u0661", Reason.NOT_A_NUMBER),
        ("1e99999", Reason.NOT_A_NUMBER), ("1e999", Reason.QUANTITY_OUT_OF_RANGE),
        ("9223372036854775808", Reason.QUANTITY_OUT_OF_RANGE), ("0.92345678901234567891", Reason.QUANTITY_OUT_OF_RANGE),
        (Number("1" * 100_000), Reason.QUANTITY_OUT_OF_RANGE),
    ],
)  # fmt: skip
def test_a_quantity_that_cannot_be_stored_exactly_is_refused(value, reason):
    with pytest.raises(Refused) as refused:
        quantity_in(value, "quantity")
    assert refused.value.reason == reason


def test_dimensions_keep_the_type_that_json_gives_them():
    found = parse(b'["1", 1, 1.0, 1e2, true, null, [1], {"a": 1}, -0, 12345678901234567890]')
    assert [attribute_in(value) for value in found] == [
        ["s", "1"], ["i", "1"], ["d", "1.0"], ["d", "100.0"], ["b", True], None, None, None, ["i", "0"],
        ["i", "12345678901234567890"],
    ]  # fmt: skip


def test_a_number_and_a_text_that_look_alike_are_two_streams():
    two = "[" + record(', "metadata": {"n": 1}') + "," + record(', "metadata": {"n": "1"}') + "]"
    assert len(decoded(two).batch.streams) == 2


@pytest.mark.parametrize("body", ["", "{", "nul", "NaN", '{"quantity": NaN}', "[" * 100_000, '"text"', "1", "null",
                                  '{"records": 1}', '{"records": [], "more": 1}'])  # fmt: skip
def test_a_body_that_is_no_record_and_no_batch_is_malformed(body):
    with pytest.raises(Malformed):
        decoded(body)


def test_bytes_that_are_no_unicode_are_malformed():
    with pytest.raises(Malformed):
        parse(b'{"id": "\xff"}')


def test_each_content_type_has_its_form():
    for body, content_type in ((record(""), EVENTS_TYPE), ("[]", EVENT_TYPE), ("1", EVENT_TYPE)):
        with pytest.raises(Malformed):
            decoded(body, content_type)
    assert decoded("[]", EVENTS_TYPE).ids == decoded("[]").ids == decoded('{"records": []}').ids == []


def test_a_batch_has_a_bound():
    decoded("[" + ",".join([record("")] * 3) + "]", records_max=3)
    with pytest.raises(BodyError) as error:
        decoded("[" + ",".join([record("")] * 4) + "]", records_max=3)
    assert error.value.status == 413


def test_a_record_is_of_the_quarter_of_its_own_time():
    records = decoded(record(', "timestamp": "2026-11-01T12:00:00Z"')).batch.records
    assert records.points.end_ns.tolist() == [NOW + 1]
    assert records.is_dated.tolist() == [True]


def test_a_record_without_a_time_is_of_now_and_one_without_an_id_gets_one():
    two = decoded("[" + record("") + "," + record("") + "]")
    assert two.batch.records.points.end_ns.tolist() == [NOW + 1] * 2
    assert two.batch.records.is_dated.tolist() == [False, False]
    assert len(set(two.ids)) == len(set(two.batch.records.ids)) == 2


@pytest.mark.parametrize(
    ("body", "org", "expected"),
    [
        ('"subjectType": "org", "subjectId": "acme"', None, ("acme", None, {})),
        ('"subjectType": "project", "subjectId": "web", "metadata": {"orgId": "acme"}', None, ("acme", "web", {})),
        ('"subjectType": "project", "subjectId": "web"', "acme", ("acme", "web", {})),
        ('"subjectType": "user", "subjectId": "ada"', "acme", ("acme", None, {"user.id": "ada"})),
        ('"subjectType": "region", "subjectId": "eu", "metadata": {"org.id": "acme", "projectId": "p"}', None,
         ("acme", "p", {"region": "eu"})),
        ('"metadata": {"tenant.id": "acme", "nothing": null}', None, ("acme", None, {})),
        ('"subjectType": "org", "subjectId": "acme", "metadata": {"orgId": "acme"}', "acme", ("acme", None, {})),
    ],
)  # fmt: skip
def test_subject_metadata_and_key_say_whose_it_is(body, org, expected):
    stream = stream_of(f'{{"metricKey": "Calls", "quantity": 1, {body}}}', org=org)
    assert (stream.org, stream.project, {key: value[1] for key, value in stream.dimensions}) == expected
    assert (stream.metric, stream.unit, stream.kind) == ("calls", "", "sum")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ('"quantity": 1', Reason.INVALID_NAME),
        ('"metricKey": "", "quantity": 1', Reason.INVALID_NAME),
        ('"metricKey": "calls"', Reason.VALUE_MISSING),
        ('"metricKey": "calls", "quantity": 1, "unit": 5', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "quantiy": 1', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "id": ""', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "id": 5', Reason.MALFORMED),
        (f'"metricKey": "calls", "quantity": 1, "id": "{"x" * 1025}"', Reason.ATTRIBUTE_TOO_LONG),
        ('"metricKey": "calls", "quantity": 1, "id": "\\ud800"', Reason.INVALID_UTF8),
        ('"metricKey": "calls", "quantity": 1, "metadata": {"a": "\\u0000"}', Reason.NUL_CHARACTER),
        ('"metricKey": "calls", "quantity": 1, "metadata": {"a": [1]}', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "metadata": []', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "timestamp": "yesterday"', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "timestamp": 1', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "timestamp": "2026-10-01T00:00:00Z"', Reason.TOO_OLD),
        ('"metricKey": "calls", "quantity": 1, "timestamp": "1000-01-01T00:00:00Z"', Reason.TOO_OLD),
        ('"metricKey": "calls", "quantity": 1, "timestamp": "2026-11-01T13:00:00Z"', Reason.TOO_FAR_AHEAD),
        ('"metricKey": "calls", "quantity": 1, "timestamp": "9999-01-01T00:00:00Z"', Reason.TIME_OUT_OF_RANGE),
        ('"metricKey": "calls", "quantity": 1, "subjectType": "org"', Reason.MALFORMED),
        ('"metricKey": "calls", "quantity": 1, "subjectType": "org", "subjectId": "globex"', Reason.FOREIGN_ORG),
        ('"metricKey": "calls", "quantity": 1, "metadata": {"orgId": "globex"}', Reason.FOREIGN_ORG),
        ('"metricKey": "calls", "quantity": 1, "subjectType": "a", "subjectId": "x", "metadata": {"a": "y"}',
         Reason.DUPLICATE_ATTRIBUTE),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused_with_its_reason(members, reason):
    assert reason_of(f"{{{members}}}", org="acme") == reason


def test_a_record_of_nobody_is_refused():
    assert reason_of('{"metricKey": "calls", "quantity": 1}') == Reason.MISSING_ORG


def test_an_id_that_was_given_is_told_back_even_where_the_record_is_refused():
    found = decoded('[{"id": "a"}, {"id": 5}, 7, {"id": "b", "metricKey": "m", "quantity": 1}]', org="acme")
    assert found.ids == ["a", None, None, "b"]
    assert sorted(found.batch.records.refused) == [0, 1, 2]


EVENT = '"specversion": "1.0", "id": "1", "source": "s", "type": "Request"'


@pytest.mark.parametrize("content_type", [EVENT_TYPE, JSON_TYPE])
def test_a_cloud_event_is_a_record(content_type):
    body = f"""{{{EVENT}, "subject": "acme", "time": "2026-11-01T11:00:00Z", "unit": "s", "extension": 1,
        "data": {{"quantity": "1.5", "method": "GET", "status": 200, "nested": {{"a": 1}}, "none": null}}}}"""
    stream = stream_of(body, content_type)
    assert (stream.org, stream.metric, stream.unit) == ("acme", "request", "s")
    assert stream.dimensions == [("method", ["s", "GET"]), ("status", ["i", "200"])]
    points = decoded(body, content_type).batch.records.points
    assert (points.mantissa.tolist(), points.exponent.tolist()) == ([15], [-1])
    assert points.end_ns.tolist() == [NOW - 3600 * 10**9 + 1]


@pytest.mark.parametrize(
    ("data", "keys", "quantity"),
    [("", (), 1), (', "data": {}', (), 1), (', "data": null', (), 1), (', "data": {"value": 7}', (), 7),
     (', "data": {"value": 7, "quantity": 8}', (), 8), (', "data": {"tokens": "9", "value": 7}', ("tokens",), 9),
     (', "data": {"bytes": 4}', ("tokens", "bytes"), 4)],
)  # fmt: skip
def test_the_quantity_of_a_cloud_event_is_one_where_it_says_none(data, keys, quantity):
    found = decoded(f"{{{EVENT}{data}}}", EVENT_TYPE, org="acme", mapping=Mapping(quantity_keys=keys))
    assert found.batch.records.points.mantissa.tolist() == [quantity]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ('"specversion": "0.3", "id": "1", "source": "s", "type": "t"', Reason.MALFORMED),
        ('"source": "s", "type": "t"', Reason.MALFORMED),
        ('"id": "1", "type": "t"', Reason.MALFORMED),
        ('"id": "1", "source": "s"', Reason.MALFORMED),
        (EVENT + ', "data": "text"', Reason.MALFORMED),
        (EVENT + ', "data_base64": "AA=="', Reason.MALFORMED),
        (EVENT + ', "data": {"quantity": "many"}', Reason.NOT_A_NUMBER),
        (EVENT + ', "subject": "globex"', Reason.FOREIGN_ORG),
    ],
)
def test_an_event_that_breaks_a_rule_is_refused(event, reason):
    assert reason_of(f"{{{event}}}", EVENT_TYPE, org="acme") == reason


def test_a_quantity_that_the_url_names_must_be_there():
    how = {"org": "acme", "mapping": Mapping(quantity_keys=("tokens",))}
    assert reason_of(f'{{{EVENT}, "data": {{"value": 5}}}}', EVENT_TYPE, **how) == Reason.VALUE_MISSING


def test_the_url_says_what_a_subject_is():
    stream = stream_of(f'{{{EVENT}, "subject": "ada"}}', EVENT_TYPE, org="acme", mapping=Mapping(subject_type="user"))
    assert (stream.org, stream.dimensions) == ("acme", [("user.id", ["s", "ada"])])


def test_an_id_is_of_its_source_and_of_its_keys_organisation():
    bodies = [f'{{"id": "1", "source": "{s}", "type": "t", "subject": "acme"}}' for s in ("a", "b")]
    found = [decoded(body, EVENT_TYPE, org=org).batch.records.ids[0] for body in bodies for org in (None, "acme")]
    found.append(decoded(record(', "id": "1"')).batch.records.ids[0])
    assert len(set(found)) == 5


def test_what_is_below_zero_is_read_since_only_the_commit_knows_whether_it_is_a_level():
    records = decoded('{"metricKey": "disk", "quantity": -1}', JSON_TYPE, org="acme").batch.records
    assert (records.refused, records.points.mantissa.tolist()) == ({}, [-1])
