"""The composition root: the only module that knows everybody."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol

from aiohttp import web

from tallystick_receiver.access import INGEST, Denied, Gate
from tallystick_receiver.dashboard.assets import Assets
from tallystick_receiver.dashboard.cross_origin import CrossOrigin
from tallystick_receiver.dashboard.embed_routes import EmbedRoutes
from tallystick_receiver.dashboard.routes import DashboardRoutes
from tallystick_receiver.dashboard.session_cookie import with_session
from tallystick_receiver.dashboard.session_routes import SessionRoutes
from tallystick_receiver.deliver.outside import Outside
from tallystick_receiver.deliver.ways import courier
from tallystick_receiver.errors import InvalidQuestion, NotLoopbackError, Unavailable
from tallystick_receiver.foreign_speech import http_log
from tallystick_receiver.horizons import Kept
from tallystick_receiver.ingest import Ingest
from tallystick_receiver.otlp.intake import Intake
from tallystick_receiver.otlp.respond import failure
from tallystick_receiver.otlp.routes import Otlp, content_type_of
from tallystick_receiver.query.alert_routes import AlertRoutes
from tallystick_receiver.query.allowance_routes import AllowanceRoutes
from tallystick_receiver.query.asking import Desk
from tallystick_receiver.query.balance_routes import BalanceRoutes
from tallystick_receiver.query.breakdown_routes import BreakdownRoutes
from tallystick_receiver.query.change_routes import ChangeRoutes
from tallystick_receiver.query.completeness_routes import Books, CompletenessRoutes
from tallystick_receiver.query.cost_export_routes import CostExportRoutes
from tallystick_receiver.query.cost_forecast_routes import CostForecastRoutes
from tallystick_receiver.query.cost_routes import CostRoutes
from tallystick_receiver.query.cost_subject_routes import CostSubjectRoutes
from tallystick_receiver.query.cost_trend_routes import CostTrendRoutes
from tallystick_receiver.query.definition_routes import DefinitionRoutes
from tallystick_receiver.query.delivery_routes import DeliveryRoutes
from tallystick_receiver.query.event_routes import EventRoutes
from tallystick_receiver.query.export_routes import ExportRoutes
from tallystick_receiver.query.forecast_routes import UsageForecastRoutes
from tallystick_receiver.query.health import health
from tallystick_receiver.query.live import Live
from tallystick_receiver.query.month_routes import MonthRoutes
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.query.quarantine_routes import QuarantineRoutes
from tallystick_receiver.query.rate_routes import RateRoutes
from tallystick_receiver.query.reconciliation_routes import ReconciliationRoutes
from tallystick_receiver.query.refill_routes import RefillRoutes
from tallystick_receiver.query.streaming import Streaming
from tallystick_receiver.query.subscription_routes import SubscriptionRoutes
from tallystick_receiver.query.summary_routes import SummaryRoutes
from tallystick_receiver.query.threshold_routes import ThresholdRoutes
from tallystick_receiver.query.token_routes import TokenRoutes
from tallystick_receiver.query.unit_cost_routes import UnitCostRoutes
from tallystick_receiver.query.usage_routes import UsageRoutes
from tallystick_receiver.query.webhook_routes import WebhookRoutes
from tallystick_receiver.rebinding import Names
from tallystick_receiver.records.routes import PATH as RECORDS_PATH
from tallystick_receiver.records.routes import RecordsRoutes
from tallystick_receiver.settings import Settings, named
from tallystick_receiver.store.audit import Audit
from tallystick_receiver.store.balance import Patience, balancer
from tallystick_receiver.store.changes import Changes, Herald
from tallystick_receiver.store.costing import pricer
from tallystick_receiver.store.credits import refiller
from tallystick_receiver.store.database import Database
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.evaluate import evaluator
from tallystick_receiver.store.keys import read_keys
from tallystick_receiver.store.roll import roller
from tallystick_receiver.store.tell import teller
from tallystick_receiver.store.tokens import read_token
from tallystick_receiver.store.upkeep import StoragePlan, upkeep
from tallystick_receiver.store.writer import UsageWriter
from tallystick_receiver.streams import Streams
from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)
_PATH_SHOWN_MAX: Final = 100
_KEEPALIVE_SECONDS: Final = 75
_HANDLER_SECONDS: Final = 4.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Routes(Protocol):
    """Whatever answers under some paths."""

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""


class Receiver:
    """One receiver process: `open`, then serve until `close`.

    Args:
        settings: what the operator chose.
        database: open() is called here.
        now_ns: the wall clock in nanoseconds.
    """

    def __init__(self, settings: Settings, database: Database, now_ns: Callable[[], int]) -> None:
        self.settings = settings
        self.database = database
        self.telemetry = Telemetry()
        self.gate = Gate(lambda: read_keys(database), lambda secret: read_token(database, secret))
        streams = Streams(
            org_aliases=tuple(key.strip() for key in settings.org_attributes.split(",") if key.strip()),
            streams_max=settings.streams_remembered_max,
        )
        self._herald = Herald(database)
        writer = UsageWriter(
            database, streams, self._herald, self.telemetry, now_ns=now_ns,
            quarantine_rows_max=settings.quarantine_rows_max, first=settings.cumulative_first,
        )  # fmt: skip
        self.ingest = Ingest(
            writer, self.telemetry, points_waiting_max=settings.points_waiting_max,
            points_per_commit_max=settings.points_per_commit_max, answer_seconds_max=settings.answer_seconds_max,
        )  # fmt: skip
        self.audit = Audit(database, self.telemetry, seconds=settings.audit_seconds, now_ns=now_ns)
        patience = _patience(settings)
        self._outside = outside = Outside(permits_private=settings.deliver_private_addresses)
        self._duties = (
            evaluator(
                database, self.telemetry, seconds=settings.evaluate_seconds, hold_seconds=settings.level_hold_seconds,
                late=patience.late, now_ns=now_ns,
            ),
            told(database, settings, now_ns),
            balancer(database, self.telemetry, patience, seconds=settings.balance_seconds, now_ns=now_ns),
            refiller(database, self.telemetry, seconds=settings.refill_seconds, now_ns=now_ns),
            roller(database, self.telemetry, seconds=settings.roll_seconds, rows_max=settings.roll_rows_max),
            _pricer(database, self.telemetry, settings, now_ns),
            upkeep(database, self.telemetry, storage_plan(settings), seconds=settings.upkeep_seconds, now_ns=now_ns),
            courier(database, self.telemetry, outside, settings, now_ns),
            self.audit,
        )  # fmt: skip
        self.intake = Intake(self.ingest, streams, settings, now_ns)
        self._otlp = Otlp(self.intake, self.telemetry, settings)
        records_max = settings.records_per_request_max
        self._records = RecordsRoutes(self.intake, self.gate, self.telemetry, records_max=records_max)
        books = Books(database, silent_after=timedelta(seconds=settings.silent_seconds_min), late=patience.late)
        desk = Desk(
            database, self.gate, books, now_ns=now_ns, rows_max=settings.query_rows_max,
            hold_seconds=settings.level_hold_seconds,
        )  # fmt: skip
        streaming = Streaming(at_once_max=settings.exports_max, seconds_max=settings.export_seconds_max)
        self._routes: tuple[_Routes, ...] = (
            UsageRoutes(desk), BreakdownRoutes(desk), SummaryRoutes(desk), *reckoning(desk, self.gate, now_ns),
            ExportRoutes(desk, streaming), CompletenessRoutes(books, self.gate, now_ns=now_ns),
            *_cost_routes(desk, self.gate, streaming, now_ns),
            QuarantineRoutes(database, self.gate, self._otlp.replay, now_ns=now_ns),
            DefinitionRoutes(database, self.gate, now_ns=now_ns), ThresholdRoutes(database, self.gate, now_ns=now_ns),
            SubscriptionRoutes(database, self.gate, now_ns=now_ns), AlertRoutes(database, self.gate, now_ns=now_ns),
            AllowanceRoutes(database, self.gate, now_ns=now_ns, hold_seconds=settings.level_hold_seconds),
            *_pages(database, self.gate, settings), DeliveryRoutes(database, self.gate, now_ns=now_ns),
            WebhookRoutes(database, self.gate, outside, now_ns=now_ns, webhooks_max=settings.webhooks_per_org_max),
        )  # fmt: skip
        self._changes, self._live = Changes(database), Live(self.gate)
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def open(self) -> None:
        """Migrate, check that nobody unwanted can reach us, and listen.

        Raises:
            NotLoopbackError: no key is defined and `listen` is not a loopback address.
            OSError: the address is in use.
        """
        await self.database.open()
        if await self.gate.is_open():
            if not is_loopback(self.settings.host):
                raise NotLoopbackError(
                    f"no key is defined, so everybody who reaches {self.settings.host} could write and read usage: "
                    "create one with 'tallystick keys create', or listen on 127.0.0.1"
                )
            _log.warning("no key is defined: open to everybody on this machine")
        self.ingest.start()
        for duty in self._duties:
            duty.start()
        runner = web.AppRunner(
            self._application(), auto_decompress=False, access_log=None, keepalive_timeout=_KEEPALIVE_SECONDS,
            shutdown_timeout=_HANDLER_SECONDS, handler_cancellation=False, logger=http_log(),
        )  # fmt: skip
        self._runner = runner
        await runner.setup()
        site = web.TCPSite(runner, self.settings.host, self.settings.port, backlog=512)
        await site.start()
        self.port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening, answer what is under way, commit what waits, close the database."""
        self._live.stop()
        self._changes.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.ingest.stop(max(self.settings.stop_seconds_max - _HANDLER_SECONDS, 1.0))
        await asyncio.gather(*(duty.stop() for duty in self._duties))
        self._herald.stop()
        await self._outside.close()
        self.intake.close()
        await self.database.close()

    def _application(self) -> web.Application:
        sharing = CrossOrigin(named(self.settings.embed_origins))
        names = Names(self.gate, named(self.settings.allowed_hosts))
        app = web.Application(middlewares=[sharing.middleware, self._errors, names.middleware])
        router = app.router
        for path in {self.settings.metrics_path, self.settings.metrics_path.rstrip("/") + "/"}:
            router.add_route("*", path, self._metrics)
        router.add_get("/healthz", self._healthz)
        router.add_get("/readyz", self._readyz)
        router.add_get("/openapi.json", self._openapi)
        streams = (
            EventRoutes(self.database, self.gate, self._changes, self._live),
            ChangeRoutes(self.gate, self._changes, self._live),
        )
        for routes in (*self._routes, self._records, *streams):
            routes.add_to(router)
        return app

    async def _metrics(self, request: web.Request) -> web.Response:
        access = await self.gate.access(request.headers.get("Authorization"), INGEST)
        return await self._otlp.receive(request, access.org)

    async def _healthz(self, _: web.Request) -> web.Response:
        return answer(health(self.database.storage, self.audit.report, self.telemetry.counts()))

    async def _readyz(self, _: web.Request) -> web.Response:
        async with self.database.reading() as connection:
            await connection.fetchval("SELECT 1")
        return answer({"status": "ready"})

    async def _openapi(self, _: web.Request) -> web.Response:
        return answer(openapi())

    @web.middleware
    async def _errors(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Every error in the form of its path: google.rpc.Status for OTLP, problem+json elsewhere."""
        try:
            return await handler(with_session(request))
        except Denied as error:
            return self._say_no(request, error.status, str(error))
        except InvalidQuestion as error:
            return self._say_no(request, 400, str(error))
        except Unavailable as error:
            return self._say_no(request, 503, str(error))
        except web.HTTPException as error:
            sentence = self._nothing_here(request) if error.status == HTTPStatus.NOT_FOUND else error.reason
            return self._say_no(request, error.status, sentence, error.headers.get("Allow"))
        except Exception:  # noqa: BLE001 - the outermost frame of a request
            _log.exception("%s %s failed in an unforeseen way", request.method, request.path)
            is_usage = self._is_otlp(request) or request.path == RECORDS_PATH
            return self._say_no(request, 503 if is_usage else 500, "something unforeseen went wrong")

    def _say_no(self, request: web.Request, status: int, message: str, allow: str | None = None) -> web.Response:
        if self._is_otlp(request):
            response = failure(content_type_of(request), status, message)
        else:
            response = problem(status, message)
        if allow is not None:
            response.headers["Allow"] = allow
        return response

    def _nothing_here(self, request: web.Request) -> str:
        """SDKs that are given one endpoint send it traces and logs as well."""
        if self._is_otlp(request):
            return f"only metrics are received here, at {self.settings.metrics_path}"
        return f"there is nothing at {request.path[:_PATH_SHOWN_MAX]!r}; /openapi.json says what there is"

    def _is_otlp(self, request: web.Request) -> bool:
        return request.path.rstrip("/") == self.settings.metrics_path.rstrip("/") or request.path.startswith("/v1/")


def _pricer(database: Database, telemetry: Telemetry, settings: Settings, now_ns: Callable[[], int]) -> Duty:
    open_for = timedelta(days=settings.cost_open_days)
    return pricer(database, telemetry, seconds=settings.cost_seconds, open_for=open_for, now_ns=now_ns)


def _cost_routes(desk: Desk, gate: Gate, streaming: Streaming, now_ns: Callable[[], int]) -> tuple[_Routes, ...]:
    return (
        CostRoutes(desk), CostSubjectRoutes(desk), CostTrendRoutes(desk), UnitCostRoutes(desk),
        CostExportRoutes(desk, streaming),
        MonthRoutes(desk.database, gate, now_ns=now_ns), RateRoutes(desk.database, gate, now_ns=now_ns),
    )  # fmt: skip


def _pages(database: Database, gate: Gate, settings: Settings) -> tuple[_Routes, ...]:
    """The dashboard and its sessions, the widgets and their tokens."""
    assets = Assets()
    tokens = TokenRoutes(
        database, gate, seconds_max=settings.token_seconds_max, living_max=settings.tokens_per_key_max
    )  # fmt: skip
    embedded = EmbedRoutes(assets, named(settings.embed_origins))
    return DashboardRoutes(assets), SessionRoutes(gate), embedded, tokens


def told(database: Database, settings: Settings, now_ns: Callable[[], int]) -> Duty:
    """The duty of telling usage, as the settings want it."""
    return teller(
        database, seconds=settings.tell_seconds, grace=timedelta(seconds=settings.close_seconds),
        late=timedelta(seconds=settings.late_seconds_max), hold_seconds=settings.level_hold_seconds, now_ns=now_ns,
    )  # fmt: skip


def _patience(settings: Settings) -> Patience:
    return Patience(
        grace=timedelta(seconds=settings.gap_grace_seconds), late=timedelta(seconds=settings.late_seconds_max)
    )


def storage_plan(settings: Settings) -> StoragePlan:
    """What the settings say about the storage."""
    return StoragePlan(
        kept=Kept(
            late_seconds=settings.late_seconds_max, points_days=settings.keep_points_days,
            hourly_days=settings.keep_hourly_days, daily_days=settings.keep_daily_days,
            cost_days=settings.keep_cost_days,
        ),
        chunk=timedelta(hours=settings.points_chunk_hours),
        columnstore_after=timedelta(days=settings.columnstore_after_days),
        events=timedelta(days=settings.keep_events_days) if settings.keep_events_days else None,
    )  # fmt: skip


def reckoning(desk: Desk, gate: Gate, now_ns: Callable[[], int]) -> tuple[_Routes, ...]:
    """What usage will come to, whether a provider's bill agrees, and what is left of what was granted."""
    return (
        UsageForecastRoutes(desk), CostForecastRoutes(desk), ReconciliationRoutes(desk, gate),
        BalanceRoutes(desk.database, gate, now_ns=now_ns), RefillRoutes(desk.database, gate, now_ns=now_ns),
    )  # fmt: skip


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def openapi() -> dict[str, Any]:
    """The description of the API, written by hand; a test compares it with the router."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
    return found
