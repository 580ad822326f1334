"""What became of each record, as JSON: one result for one record, a list for a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.refusal import Reason, Refused
from tallystick_receiver.ledger import CONFLICT, NEW, Became
from tallystick_receiver.query.problem import answer, problem

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.ingest import Receipt
    from tallystick_receiver.records.decode import Decoded

_ACCEPTED: Final = "accepted"
_DUPLICATE: Final = "duplicate"
_REJECTED: Final = "rejected"
_STATUS: Final = {_ACCEPTED: 201, _DUPLICATE: 200}
_STATUS_OF_REASON: Final = {Reason.CONFLICT: 409, Reason.FOREIGN_ORG: 403}
_UNPROCESSABLE: Final = 422
_CONFLICT: Final = "the id stands for another record, which stays"


def answer_to(decoded: Decoded, receipt: Receipt) -> web.Response:
    """The answer, after the commit.

    One record: 201 stored, 200 stored before, 4xx refused. A batch: 200, and 422 when nothing of it was taken.
    """
    refused = decoded.batch.records.refused if decoded.batch.records is not None else {}
    refused = refused | {place: Refused(why) for place, why in receipt.records.items() if isinstance(why, Reason)}
    results = [
        _result(place, found_id, refused.get(place), receipt.records.get(place, CONFLICT))
        for place, found_id in enumerate(decoded.ids)
    ]
    if decoded.is_single:
        [result] = results
        return _answer_one(result)
    counts = dict.fromkeys((_ACCEPTED, _DUPLICATE, _REJECTED), 0)
    for result in results:
        counts[result["status"]] += 1
    content = {
        "accepted": counts[_ACCEPTED], "duplicates": counts[_DUPLICATE], "rejected": counts[_REJECTED],
        "results": results,
    }  # fmt: skip
    if results and counts[_REJECTED] == len(results):
        return problem(_UNPROCESSABLE, "no record of the batch was taken; results says why", **content)
    return answer(content)


def _answer_one(result: dict[str, Any]) -> web.Response:
    if result["status"] != _REJECTED:
        return answer(result, _STATUS[result["status"]])
    members = {name: value for name, value in result.items() if name not in ("detail", "status", "index")}
    return problem(_STATUS_OF_REASON.get(Reason(result["reason"]), _UNPROCESSABLE), result["detail"], **members)


def _result(place: int, found_id: str | None, refused: Refused | None, verdict: Became) -> dict[str, Any]:
    result: dict[str, Any] = {"index": place, "id": found_id}
    if refused is not None:
        return result | {"status": _REJECTED, "reason": refused.reason.value, "detail": refused.detail}
    if verdict == CONFLICT:
        return result | {"status": _REJECTED, "reason": Reason.CONFLICT.value, "detail": _CONFLICT}
    return result | {"status": _ACCEPTED if verdict == NEW else _DUPLICATE}
