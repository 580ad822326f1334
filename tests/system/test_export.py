"""Export, black box: every row as a file, exact, in order, streamed; and who may have it."""

import asyncio
import csv
import io
import json
import socket
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import asyncpg
import pyarrow.parquet
import pytest
from conftest import run_cli
from otlp import SECOND, export, export_request, get, usage
from waiting import wait_until

PATIENT = ("--late-seconds-max", "1000000000", "--ahead-seconds-max", "1000000000", "--keep-points-days", "0",
           "--roll-seconds", "0.05")  # fmt: skip
EXPORT = "/api/v1/usage/export"
FIGURES = ("quantity", "count", "min", "max", "average", "integral", "coveredSeconds")
WINDOW = {"from_": "2026-10-20", "to": "2026-10-28"}


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def point(name, unit, value, end, org="acme", kind="sum", count=1, **dimensions):
    attributes = {"org.id": org, "project.id": "web", **dimensions}
    return {"name": name, "unit": unit, "value": value, "end": end, "kind": kind, "count": count,
            "attributes": attributes}  # fmt: skip


@pytest.fixture
def filled(start_receiver):
    """Sums, histograms and levels of two organisations around the autumn change in Berlin, ugly names included."""
    receiver = start_receiver(*PATIENT)
    begin = at("2026-10-24T21:00:00")
    points = [point("calls", "{call}", n, begin + n * 777 * SECOND, "globex" if n % 5 == 0 else "acme", region=region)
              for n in range(1, 200) for region in ("eu", "=1+1", 'a,"b"\r\nc')]  # fmt: skip
    points += [point("calls", "{call}", 7, begin + n * 3600 * SECOND, kind="histogram", count=3) for n in range(1, 30)]
    points += [point("disk", "By", 100 + n, begin + n * 1800 * SECOND, kind="gauge", disk=d)
               for n in range(1, 40) for d in ("a", "b")]  # fmt: skip
    points += [point("tiny", "s", 1e-30, begin + SECOND), point("huge", "1", 2**63 - 1, begin + SECOND),
               point("huge", "1", 2**63 - 1, begin + 2 * SECOND),
               point("less", "1", -2.5, begin + SECOND, kind="gauge")]  # fmt: skip
    assert export(receiver.url, export_request(points)).rejected == 0
    return receiver


def exported(receiver, kind, **query):
    reply = get(receiver.url + EXPORT, format=kind, **query)
    assert reply.status == 200, reply.body
    return reply


def from_csv(body):
    """Rows as dicts; null and the empty text are the same here, and apostrophes are stripped."""
    rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
    return [{k: v.removeprefix("'") for k, v in row.items()} for row in rows]


def from_ndjson(body):
    return [json.loads(line) for line in body.splitlines()]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
@pytest.mark.parametrize("group_by", ["type,org,day", "type,hour,region", "project,week", "month,disk,type", "type",
                                      "service.name,org"])  # fmt: skip
def test_an_export_has_the_rows_of_usage_to_the_last_digit(filled, zone, group_by):
    query = {"groupBy": group_by, "tz": zone, "from_": "2026-10-01", "to": "2026-11-02"}
    asked = usage(filled.url, **query)["rows"]
    rows = from_ndjson(exported(filled, "ndjson", **query).body)
    for row in asked:
        level = row.pop("level", None)
        row["kind"] = "sum" if level is None else "level"
        row.update({name: level[name] for name in FIGURES[2:]} if level else {})

    def order(row):
        return json.dumps(row, sort_keys=True)

    assert sorted(rows, key=order) == sorted(asked, key=order)
    assert rows


@pytest.mark.editions
def test_without_groups_every_set_of_dimensions_has_a_row_an_hour(filled):
    rows = from_ndjson(exported(filled, "ndjson", orgId="acme", type="calls", **WINDOW).body)
    assert {tuple(row) for row in rows} == {
        ("hour", "org", "project", "type", "unit", "kind", "attributes", "quantity", "count")
    }
    assert {row["attributes"].get("region") for row in rows} == {"eu", "=1+1", 'a,"b"\r\nc', None}
    assert sum(Decimal(row["quantity"]) for row in rows) == 3 * sum(n for n in range(1, 200) if n % 5) + 7 * 29
    assert sum(row["count"] for row in rows) == 3 * sum(1 for n in range(1, 200) if n % 5) + 3 * 29


@pytest.mark.editions
def test_rows_come_in_the_order_of_time_and_names_and_always_the_same(filled):
    one, other = (exported(filled, "csv", **WINDOW).body for _ in range(2))
    assert one == other
    rows = from_ndjson(exported(filled, "ndjson", groupBy="hour,org,type,region", **WINDOW).body)
    keys = [(r["hour"], r["org"], r["type"], r["unit"], r["region"] is None, r["region"] or "") for r in rows]
    assert keys == sorted(keys)


def test_csv_is_rfc_4180_and_holds_no_formula(filled):
    reply = exported(filled, "csv", groupBy="region,type", **WINDOW)
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    lines = reply.body.decode().replace('"a,""b""\r\nc"', "ugly").split("\r\n")
    assert lines[0] == "region,type,unit,kind," + ",".join(FIGURES)
    assert lines[-1] == ""
    assert any(line.startswith("'=1+1,calls,") for line in lines)
    assert any(line.startswith("ugly,calls,") for line in lines)
    assert any(line.startswith(",less,1,level,-2.5,1,-2.5,-2.5,") for line in lines)
    said = [reply.headers[f"Tallystick-{name}"] for name in ("From", "To", "Time-Zone", "Completeness")]
    assert said == ["2026-10-20T00:00:00Z", "2026-10-28T00:00:00Z", "UTC", "unknown"]


@pytest.mark.parametrize("group_by", ["org,project,type,hour,attributes", "region,day"])
def test_parquet_read_back_equals_csv(filled, group_by):
    body = exported(filled, "parquet", groupBy=group_by, tz="Europe/Berlin", **WINDOW).body
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    rows = []
    for row in table.to_pylist():
        text = row.pop("quantityText")
        number = row["quantity"]
        assert (text is None) != (number is None) or row["kind"] == "level"
        shown = format(number.normalize(), "f") if text is None and number is not None else text
        rows.append({name: "" if value is None else str(value) for name, value in {**row, "quantity": shown}.items()})
    assert rows == from_csv(exported(filled, "csv", groupBy=group_by, tz="Europe/Berlin", **WINDOW).body)
    metadata = table.schema.metadata
    assert metadata[b"tallystick.timeZone"] == b"Europe/Berlin"
    assert json.loads(metadata[b"tallystick.completeness"])["state"] == "unknown"
    texts = {row["type"]: row["quantityText"] for row in table.to_pylist() if row["quantityText"] is not None}
    assert texts == {"tiny": "0." + "0" * 29 + "1"}


def test_an_empty_export_is_a_file_without_rows(filled):
    for kind, rows in (("csv", 1), ("ndjson", 0)):
        assert len(exported(filled, kind, orgId="nobody").body.splitlines()) == rows
    assert pyarrow.parquet.read_table(io.BytesIO(exported(filled, "parquet", orgId="nobody").body)).num_rows == 0


@pytest.mark.parametrize(
    "query", [{"format": "xlsx"}, {"groupBy": "quantity"}, {"groupBy": "unit"}, {"from_": "x"}, {"limit": "3"},
              {"tz": "Nowhere"}, {"projectId": "web"}, {"groupBy": ","}, {"subjectType": "org"}],
)  # fmt: skip
def test_a_bad_parameter_of_an_export_is_a_problem_with_a_sentence(receiver, query):
    reply = get(receiver.url + EXPORT, **query)
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (400, "application/problem+json")


def test_without_pyarrow_parquet_is_a_problem_that_names_the_extra(start_receiver, tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not installed')")
    receiver = start_receiver(PYTHONPATH=str(tmp_path))
    reply = get(receiver.url + EXPORT, format="parquet")
    assert (reply.status, "tallystick[parquet]" in reply.json["detail"]) == (501, True)
    assert get(receiver.url + EXPORT, format="csv").status == 200


def test_a_key_of_one_organisation_exports_only_its_own(start_receiver, database_url):
    def key(*arguments):
        done = run_cli("keys", "create", "--name", "k", "--json", "--database-url", database_url, *arguments)
        return json.loads(done.stdout)["key"]

    acme, everybody = key("--scope", "read", "--org", "acme"), key("--scope", "admin", "--org", "*")
    receiver = start_receiver(*PATIENT)
    points = [point("calls", "{call}", 1, at("2026-10-21"), org=org) for org in ("acme", "globex")]
    assert export(receiver.url, export_request(points), everybody).rejected == 0
    rows = from_ndjson(get(receiver.url + EXPORT, acme, format="ndjson", **WINDOW).body)
    assert [row["org"] for row in rows] == ["acme"]
    assert get(receiver.url + EXPORT, acme, orgId="globex").status == 403
    assert get(receiver.url + EXPORT).status == 401
    assert b"globex" in get(receiver.url + EXPORT, everybody, **WINDOW).body


FILL = """
    INSERT INTO usage_org VALUES (1, 'acme');
    INSERT INTO usage_metric VALUES (1, 'calls', '{call}', 'sum');
    INSERT INTO usage_dims SELECT 1, n, 0, 1, jsonb_build_object('n', n::text), n::text
        FROM generate_series(1, 2000) AS n;
    INSERT INTO usage_quarter_hourly (org_id, quarter, dims_id, quantity, points)
        SELECT 1, t, n, n, 1 FROM generate_series('2026-10-20Z'::timestamptz, '2026-10-27 23:00Z', '1 h') AS t,
               generate_series(1, 2000) AS n;
    ANALYZE;
"""
ROWS = 8 * 24 * 2000


@pytest.fixture
def many(start_receiver, database_url):
    """384,000 rows of quarters, written past the receiver: one slow reader is what is tested."""
    receiver = start_receiver("--exports-max", "1", "--roll-seconds", "60", "--audit-seconds", "3600")
    run_sql(database_url, FILL)
    return receiver


def run_sql(url, text):
    async def run():
        connection = await asyncpg.connect(url)
        try:
            return await (connection.fetchval(text) if text.startswith("SELECT") else connection.execute(text))
        finally:
            await connection.close()

    return asyncio.run(run())


EXPORTING = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL
               AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""


@contextmanager
def opened(receiver, path, buffer=4096):
    parts = urlsplit(receiver.url)
    with socket.create_connection((parts.hostname, parts.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield client


def test_rows_arrive_before_the_query_is_finished_and_who_leaves_frees_the_connection(many, database_url):
    with opened(many, EXPORT + "?from=2026-10-20&to=2026-10-28") as client:
        first = client.recv(2000)
        assert b"200 OK" in first
        # Duties have snapshots of their own, but for a moment.
        assert min(run_sql(database_url, EXPORTING) for _ in range(5)) == 1, "rows are here, its snapshot is still open"
        busy = get(many.url + EXPORT)
        assert (busy.status, busy.headers["Retry-After"]) == (503, "2")
        assert get(many.url + "/api/usage", groupBy="type").status == 200
    wait_until(lambda: run_sql(database_url, EXPORTING) == 0, what="the snapshot is given back")
    wait_until(lambda: get(many.url + EXPORT, orgId="nobody").status == 200, what="the place is given back")


async def test_who_leaves_while_the_database_reckons_cancels_it(many, database_url):
    """The database is kept busy by a lock that is never given back while the client is there."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    locker, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)

    async def until(expected):
        while await watcher.fetchval(waiting) != expected:
            await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(120), locker.transaction():
            await locker.execute("LOCK TABLE usage_quarter_hourly IN ACCESS EXCLUSIVE MODE")
            with opened(many, EXPORT + "?from=2026-10-20&to=2026-10-28"):
                await until(1)
            await until(0)
    finally:
        await locker.close()
        await watcher.close()


def test_an_export_that_takes_too_long_is_cut_and_not_ended(start_receiver, database_url):
    receiver = start_receiver("--export-seconds-max", "15", "--roll-seconds", "60")
    run_sql(database_url, FILL)
    received = b""
    with opened(receiver, EXPORT + "?from=2026-10-20&to=2026-10-28", buffer=2**20) as client:
        client.settimeout(120)
        assert b"200 OK" in client.recv(2000)
        wait_until(lambda: run_sql(database_url, EXPORTING) == 0, what="its time is over, since nobody reads on")
        with suppress(ConnectionResetError):
            while piece := client.recv(65_536):
                received = (received + piece)[-100:]
    assert not received.endswith(b"0\r\n\r\n")


def test_a_long_export_is_whole(many):
    body = exported(many, "csv", from_="2026-10-20", to="2026-10-28").body
    assert body.count(b"\r\n") == ROWS + 1


def test_the_command_line_writes_what_the_api_exports(filled, tmp_path):
    asked = ("export", "--url", filled.url, "--from", "2026-10-20", "--to", "2026-10-28", "--group-by", "org,day,type")
    expected = exported(filled, "ndjson", groupBy="org,day,type", **WINDOW).body.decode()
    shown = run_cli(*asked, "--format", "ndjson")
    assert (shown.returncode, shown.stdout) == (0, expected)
    assert "2026-10-20T00:00:00Z to 2026-10-28T00:00:00Z (UTC); completeness: unknown" in shown.stderr
    target = tmp_path / "usage.parquet"
    assert run_cli(*asked, "--format", "parquet", "--output", str(target)).returncode == 0
    assert pyarrow.parquet.read_table(target).num_rows == len(expected.splitlines())
    refused = run_cli(*asked, "--tz", "Nowhere", "--output", str(tmp_path / "none.csv"))
    assert (refused.returncode, "IANA" in refused.stderr) == (1, True)
    assert [path.name for path in tmp_path.glob("*.csv*")] == []
