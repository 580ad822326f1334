"""A bad argument is counted with its reason, and never reaches the caller as an exception."""

import logging
from decimal import Decimal

import pytest

from tallystick import Metering, NotRecorded
from tallystick.validity import MEANING


class Hostile:
    """Raises whatever is done with it."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("eq")

    def __hash__(self):
        raise RuntimeError("hash")


class BrokenMapping(dict):
    def items(self):
        raise RuntimeError("items")


GOOD = {
    "type": "logs.ingested.bytes",
    "quantity": 1,
    "organization_id": "acme",
    "project_id": "web",
    "metadata": {"region": "eu"},
    "unit": "By",
}

BAD = [
    ("type", "", NotRecorded.BAD_TYPE),
    ("type", "1st", NotRecorded.BAD_TYPE),
    ("type", "a" * 256, NotRecorded.BAD_TYPE),
    ("type", "größe", NotRecorded.BAD_TYPE),
    ("type", None, NotRecorded.BAD_TYPE),
    ("quantity", True, NotRecorded.NOT_A_NUMBER),
    ("quantity", "5", NotRecorded.NOT_A_NUMBER),
    ("quantity", None, NotRecorded.NOT_A_NUMBER),
    ("quantity", 1j, NotRecorded.NOT_A_NUMBER),
    ("quantity", float("nan"), NotRecorded.NOT_A_NUMBER),
    ("quantity", float("inf"), NotRecorded.NOT_A_NUMBER),
    ("quantity", Decimal("NaN"), NotRecorded.NOT_A_NUMBER),
    ("quantity", Decimal("sNaN"), NotRecorded.NOT_A_NUMBER),
    ("quantity", Decimal("Infinity"), NotRecorded.NOT_A_NUMBER),
    ("quantity", -1, NotRecorded.NEGATIVE),
    ("quantity", -0.5, NotRecorded.NEGATIVE),
    ("quantity", Decimal("-0.1"), NotRecorded.NEGATIVE),
    ("quantity", 2**63, NotRecorded.TOO_LARGE),
    ("quantity", 10.0**19, NotRecorded.TOO_LARGE),
    ("quantity", Decimal("9223372036854775807.5"), NotRecorded.TOO_LARGE),
    ("quantity", Decimal("1E+999999"), NotRecorded.TOO_LARGE),
    ("quantity", Decimal("1E-999999"), NotRecorded.TOO_FINE),
    ("organization_id", "", NotRecorded.BAD_ORGANIZATION),
    ("organization_id", None, NotRecorded.BAD_ORGANIZATION),
    ("organization_id", 7, NotRecorded.BAD_ORGANIZATION),
    ("organization_id", "a" * 256, NotRecorded.BAD_ORGANIZATION),
    ("organization_id", "a\0", NotRecorded.BAD_ORGANIZATION),
    ("organization_id", "\ud800", NotRecorded.BAD_ORGANIZATION),
    ("project_id", "", NotRecorded.BAD_PROJECT),
    ("project_id", b"web", NotRecorded.BAD_PROJECT),
    ("project_id", "\udfff", NotRecorded.BAD_PROJECT),
    ("metadata", [], NotRecorded.BAD_METADATA),
    ("metadata", [("region", "eu")], NotRecorded.BAD_METADATA),
    ("metadata", "region", NotRecorded.BAD_METADATA),
    ("metadata", {str(i): "" for i in range(63)}, NotRecorded.TOO_MANY_ATTRIBUTES),
    ("metadata", {"": "eu"}, NotRecorded.BAD_ATTRIBUTE_KEY),
    ("metadata", {1: "eu"}, NotRecorded.BAD_ATTRIBUTE_KEY),
    ("metadata", {"k" * 256: "eu"}, NotRecorded.BAD_ATTRIBUTE_KEY),
    ("metadata", {"\ud800": "eu"}, NotRecorded.BAD_ATTRIBUTE_KEY),
    ("metadata", {"region": None}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"region": ["eu"]}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"region": b"eu"}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"region": "a" * 1025}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"region": "a\0"}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"region": "\ud800"}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"size": 2**63}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"size": float("nan")}, NotRecorded.BAD_ATTRIBUTE_VALUE),
    ("metadata", {"org.id": "other"}, NotRecorded.RESERVED_ATTRIBUTE),
    ("metadata", {"project.id": "other"}, NotRecorded.RESERVED_ATTRIBUTE),
    ("metadata", BrokenMapping(region="eu"), NotRecorded.UNUSABLE),
    ("unit", None, NotRecorded.BAD_UNIT),
    ("unit", "µs", NotRecorded.BAD_UNIT),
    ("unit", "a" * 64, NotRecorded.BAD_UNIT),
    ("type", Hostile(), NotRecorded.UNUSABLE),
    ("quantity", Hostile(), NotRecorded.UNUSABLE),
    ("organization_id", Hostile(), NotRecorded.UNUSABLE),
    ("metadata", Hostile(), NotRecorded.UNUSABLE),
    ("metadata", {"region": Hostile()}, NotRecorded.UNUSABLE),
]


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    BAD,
    ids=[f"{argument}-{reason}-{number}" for number, (argument, _, reason) in enumerate(BAD)],
)
def test_a_bad_value_is_counted_and_never_raised(collected, argument, value, reason):
    metering = Metering(collected.provider)

    metering.record(**{**GOOD, argument: value})

    assert metering.refused == {reason: 1}
    assert collected.points() == []


def test_a_bad_value_spoils_nothing_that_is_recorded_beside_it(collected):
    metering = Metering(collected.provider)

    metering.record(**GOOD)
    metering.record(**{**GOOD, "quantity": 2**64})
    metering.record(**GOOD)

    assert collected.values() == [2]


def test_each_reason_is_logged_once(collected, caplog):
    metering = Metering(collected.provider)
    caplog.set_level(logging.WARNING, "tallystick")

    for quantity in (-1, -2, float("nan"), float("inf")):
        metering.record(**{**GOOD, "quantity": quantity})

    assert metering.refused == {NotRecorded.NEGATIVE: 2, NotRecorded.NOT_A_NUMBER: 2}
    assert [
        MEANING[reason] in text
        for reason, text in zip([NotRecorded.NEGATIVE, NotRecorded.NOT_A_NUMBER], caplog.messages, strict=True)
    ] == [True, True]


def test_a_log_handler_that_raises_does_not_reach_the_caller(collected):
    class Raising(logging.Handler):
        def emit(self, record):
            raise RuntimeError("disk full")

    handler = Raising()
    logging.getLogger("tallystick").addHandler(handler)
    try:
        metering = Metering(collected.provider)
        metering.record(**{**GOOD, "quantity": -1})
    finally:
        logging.getLogger("tallystick").removeHandler(handler)

    assert metering.refused == {NotRecorded.NEGATIVE: 1}


def test_every_reason_has_a_meaning():
    assert set(MEANING) == set(NotRecorded)
