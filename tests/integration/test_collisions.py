"""Two identities with one 64-bit hash: an error, never a merge. The hash is not broken here: the first owner is put
into the dictionary by hand.
"""

import pytest
from conftest import sql
from otlp import export, export_request, get, totals

from tallystick.semconv import KIND_SUM
from tallystick_receiver.identity import Stream, Writer, id_of, metric_id_of, org_id_of

pytestmark = pytest.mark.editions
STREAM = Stream(
    org="acme", project=None, metric="calls", unit="", kind=KIND_SUM, scope="",
    dimensions=[("service.name", ["s", "app"])],
)  # fmt: skip
WRITER = Writer(credential_org=None, namespace="", name="app", instance="i1")
DIMS_ID = id_of(STREAM.dims_identity)
OWNERS = {
    "org": f"INSERT INTO usage_org VALUES ({org_id_of('acme')}, 'somebody else')",
    "metric": f"INSERT INTO usage_metric VALUES ({metric_id_of('calls', '', KIND_SUM)}, 'another', '', 'sum')",
    "dims": f"INSERT INTO usage_dims VALUES ({org_id_of('acme')}, {DIMS_ID}, 0, 0, '{{}}', 'another')",
    "writer": f"INSERT INTO usage_writer VALUES ({id_of(WRITER.identity)}, NULL, '', '', '', 'another')",
}


@pytest.mark.parametrize("kind", OWNERS)
def test_a_collision_is_refused_each_time_and_never_merged(receiver, database_url, kind):
    sql(database_url, OWNERS[kind])
    collides = {"name": "calls", "unit": "", "value": 5, "attributes": {"org.id": "acme"}}
    other = {"name": "other", "unit": "", "value": 7, "attributes": {"org.id": "globex"}}
    points = [collides] if kind == "writer" else [collides, other]
    request = export_request(points, resource={"service.name": "app", "service.instance.id": "i1"})
    for _ in range(2):
        assert export(receiver.url, request).rejected == 1
    assert totals(receiver.url) == ({} if kind == "writer" else {"other": "7"})
    [kept] = get(receiver.url + "/api/v1/quarantine").json["points"]
    assert (kept["reason"], kept["times"], kept["orgId"]) == ("identity_collision", 2, "acme")
