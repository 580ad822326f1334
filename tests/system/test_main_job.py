"""The main job, black box: usage goes in as OTLP and comes out of /api/usage."""

from otlp import export, export_request, now_ns, totals, usage


def test_a_point_sent_twice_is_counted_once(receiver):
    request = export_request([{"name": "logs.ingested.bytes", "unit": "By", "value": 5120}])
    assert [export(receiver.url, request).status for _ in range(2)] == [200, 200]
    assert totals(receiver.url) == {"logs.ingested.bytes": "5120"}


def test_integers_and_decimals_come_back_digit_for_digit(receiver):
    end = now_ns()
    tenths = [{"name": "tenth", "value": 0.1, "end": end - n} for n in range(3)]
    assert export(receiver.url, export_request([{"name": "big", "value": 2**63 - 1}, *tenths])).status == 200
    assert totals(receiver.url) == {"big": "9223372036854775807", "tenth": "0.3"}


def test_an_unknown_organisation_answers_the_same_as_an_empty_one(receiver):
    answer = usage(receiver.url, orgId="nobody")
    assert (answer["rows"], answer["totals"]) == ([], [])
