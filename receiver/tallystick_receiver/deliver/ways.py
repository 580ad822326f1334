"""The courier with its ways of sending, as the settings want them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from tallystick_receiver.deliver.courier import Courier, CourierPlan, Office
from tallystick_receiver.deliver.endpoints import Endpoints
from tallystick_receiver.deliver.mail import Mail
from tallystick_receiver.deliveries import Kind, Persistence
from tallystick_receiver.mail_server import mail_server

if TYPE_CHECKING:
    from tallystick_receiver.deliver.outside import Outside
    from tallystick_receiver.settings import Settings
    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry


def courier(
    database: Database, telemetry: Telemetry, outside: Outside, settings: Settings, now_ns: Callable[[], int]
) -> Courier:
    """Whoever delivers events; mail and HTTP never wait for each other."""
    server = mail_server(settings.smtp_url, settings.smtp_from, settings.smtp_password)
    seconds_max = settings.deliver_attempt_seconds_max
    slots, lane_slots = settings.deliver_at_once_max, settings.deliver_per_endpoint_max
    offices = (
        Office((Kind.WEBHOOK, Kind.SLACK), Endpoints(outside, now_ns).send, slots=slots, lane_slots=lane_slots),
        Office(
            (Kind.EMAIL,), Mail(server, seconds_max=seconds_max).send, slots=max(slots // 8, 1), lane_slots=lane_slots
        ),
    )
    plan = CourierPlan(
        seconds=settings.deliver_seconds, attempt_seconds_max=seconds_max,
        persistence=Persistence(
            first=timedelta(seconds=settings.deliver_retry_seconds),
            give_up=timedelta(seconds=settings.deliver_give_up_seconds),
        ),
        kept=timedelta(days=settings.keep_deliveries_days), lane_most=settings.deliveries_per_endpoint_max,
    )  # fmt: skip
    return Courier(database, telemetry, offices, plan, now_ns)
