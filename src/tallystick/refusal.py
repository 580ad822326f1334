"""Why a point is refused: the one table of reasons (docs, counters and the quarantine read it)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """A reason that will not heal by sending the same point again."""

    MISSING_ORG = "missing_org"
    FOREIGN_ORG = "foreign_org"
    INVALID_ID = "invalid_id"
    INVALID_NAME = "invalid_name"
    TEMPORALITY_UNSPECIFIED = "temporality_unspecified"
    NON_MONOTONIC_DELTA = "non_monotonic_delta"
    SUMMARY_UNSUPPORTED = "summary_unsupported"
    VALUE_MISSING = "value_missing"
    SUM_MISSING = "sum_missing"
    COUNT_OUT_OF_RANGE = "count_out_of_range"
    NOT_A_NUMBER = "not_a_number"
    QUANTITY_OUT_OF_RANGE = "quantity_out_of_range"
    NEGATIVE = "negative"
    TIME_MISSING = "time_missing"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    TOO_OLD = "too_old"
    TOO_FAR_AHEAD = "too_far_ahead"
    TOO_MANY_ATTRIBUTES = "too_many_attributes"
    ATTRIBUTE_TOO_LONG = "attribute_too_long"
    ATTRIBUTE_TOO_DEEP = "attribute_too_deep"
    DUPLICATE_ATTRIBUTE = "duplicate_attribute"
    NUL_CHARACTER = "nul_character"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_TALLY = "invalid_tally"
    MALFORMED = "malformed"
    CONFLICT = "conflict"
    IDENTITY_COLLISION = "identity_collision"


MEANING: Final[dict[Reason, str]] = {
    Reason.MISSING_ORG: (
        "nothing says whose it is: neither org.id on the point or its resource "
        "(of a record: orgId in metadata, or a subject of the type org) nor the key"
    ),
    Reason.FOREIGN_ORG: "the key is bound to another organisation",
    Reason.INVALID_ID: "org.id or project.id is not a text of 1 to 255 characters, or is (unattributed)",
    Reason.INVALID_NAME: "the metric has no name, or name or unit is longer than OTel allows",
    Reason.TEMPORALITY_UNSPECIFIED: "the metric does not say delta or cumulative",
    Reason.NON_MONOTONIC_DELTA: "a delta of a sum that may go down does not say how much there is; send it cumulative",
    Reason.SUMMARY_UNSUPPORTED: "a Summary has no temporality and is not billable",
    Reason.VALUE_MISSING: "the point has no value",
    Reason.SUM_MISSING: "the histogram has no sum, so nobody knows how much was used",
    Reason.COUNT_OUT_OF_RANGE: "the count of a histogram does not fit 63 bits",
    Reason.NOT_A_NUMBER: "the value is NaN, infinite or no decimal",
    Reason.QUANTITY_OUT_OF_RANGE: "the quantity has more digits than 64 bits hold",
    Reason.NEGATIVE: "a monotonic sum went down, or a record of what adds up says less than nothing",
    Reason.TIME_MISSING: "the point has no time",
    Reason.TIME_OUT_OF_RANGE: "a time does not fit 63 bits of nanoseconds",
    Reason.TOO_OLD: "the point is older than late data is accepted (late_seconds_max)",
    Reason.TOO_FAR_AHEAD: "the point lies in the future (ahead_seconds_max)",
    Reason.TOO_MANY_ATTRIBUTES: "more attributes than attributes_max",
    Reason.ATTRIBUTE_TOO_LONG: "an attribute's key or value is too long",
    Reason.ATTRIBUTE_TOO_DEEP: "an attribute's value is nested too deeply",
    Reason.DUPLICATE_ATTRIBUTE: "an attribute key stands twice in one set",
    Reason.NUL_CHARACTER: "a text holds the character NUL, which PostgreSQL cannot store",
    Reason.INVALID_UTF8: "a text is not valid Unicode",
    Reason.INVALID_TALLY: "what a sender says about its own collection cannot be read",
    Reason.MALFORMED: "the point or record has a field of the wrong type (JSON)",
    Reason.CONFLICT: "a point of the same identity, or a record of the same id, was stored before with another content",
    Reason.IDENTITY_COLLISION: "two identities share one 64-bit hash; the first one stays",
}


class Refused(Exception):  # noqa: N818 - the value that admission answers with
    """This point will never be right; the rest of its request is not affected."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail or MEANING[reason])
        self.reason = reason
        self.detail = detail or MEANING[reason]
