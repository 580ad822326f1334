"""What /healthz says: the storage, the audit, the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tallystick_receiver.store.audit import AuditReport
    from tallystick_receiver.store.database import Storage


def health(storage: Storage | None, audit: AuditReport, counts: dict[str, int]) -> dict[str, Any]:
    """The answer; `status` is about this process, `audit` about the books."""
    return {
        "status": "ok",
        "storage": storage and {
            "edition": storage.edition.value,
            "postgresql": storage.server.postgresql,
            "timescaledb": storage.server.extension,
        },
        "audit": {
            "state": audit.state,
            "differences": audit.differences,
            "differingDays": [day.isoformat() for day in sorted(audit.differing)],
            "daysVerified": audit.days_verified,
            "lastDay": audit.last and audit.last.isoformat(),
            "at": audit.at and audit.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        },
        "counts": counts,
    }  # fmt: skip
