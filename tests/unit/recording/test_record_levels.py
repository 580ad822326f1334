"""Levels are observed at each collection; a bad sample is refused alone."""

from decimal import Decimal

from opentelemetry.sdk.metrics.export import Gauge

from tallystick import Level, Metering, NotRecorded


def test_a_level_is_observed_at_each_collection(collected):
    sizes = {"web": 5, "app": Decimal("0.5")}
    Metering(collected.provider).level(
        "storage.snapshot",
        lambda: [
            Level(quantity=size, organization_id="acme", project_id=project, metadata={"tier": "hot"})
            for project, size in sizes.items()
        ],
        unit="By",
    )

    [metric] = collected.metrics()
    assert isinstance(metric.data, Gauge)
    assert (metric.name, metric.unit) == ("storage.snapshot", "By")
    sizes["web"] = 6
    assert collected.points() == [
        ("storage.snapshot", {"org.id": "acme", "project.id": "web", "tier": "hot"}, 6),
        ("storage.snapshot", {"org.id": "acme", "project.id": "app", "tier": "hot"}, 0.5),
    ]


def test_a_bad_sample_is_refused_alone(collected):
    metering = Metering(collected.provider)
    metering.level(
        "storage",
        lambda: [
            Level(quantity=float("nan"), organization_id="acme"),
            Level(quantity=1, organization_id=""),
            Level(quantity=1, organization_id="acme"),
        ],
    )

    assert collected.values() == [1]
    assert metering.refused == {NotRecorded.NOT_A_NUMBER: 1, NotRecorded.BAD_ORGANIZATION: 1}


def test_a_callback_that_fails_spoils_no_other(collected):
    metering = Metering(collected.provider)

    def failing():
        raise RuntimeError("database is away")

    metering.level("storage", failing)
    metering.level("storage", lambda: [Level(quantity=1, organization_id="acme")])
    metering.level("storage", lambda: ["not a level"])

    assert collected.values() == [1]
    assert metering.refused == {NotRecorded.CALLBACK_FAILED: 2}


def test_a_level_of_a_bad_type_is_refused(collected):
    metering = Metering(collected.provider)
    metering.level("größe", list)

    assert metering.refused == {NotRecorded.BAD_TYPE: 1}


def test_a_level_may_record_usage_while_it_is_observed(collected):
    metering = Metering(collected.provider)

    def callback():
        metering.record("storage.scans", 1, organization_id="acme")
        return ()

    metering.level("storage", callback)

    assert collected.values() == []
    assert collected.values() == [1]
