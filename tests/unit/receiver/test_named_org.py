"""Whose a refused point would have been, if that can be read at all."""

import json

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st
from otlp import export_request

from tallystick_receiver.otlp.named_org import named_org

KEYS = ("org.id", "tenant")


def both(attributes, resource, kind="sum"):
    request = export_request([{"attributes": attributes, "kind": kind}], resource=resource)
    return {"protobuf": request.SerializeToString(), "json": MessageToJson(request).encode()}


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("kind", ["sum", "gauge", "histogram", "exponential_histogram"])
@pytest.mark.parametrize(
    ("attributes", "resource", "org"),
    [({"org.id": "acme"}, {"org.id": "globex"}, "acme"), ({}, {"org.id": "globex"}, "globex"),
     ({"tenant": "b", "org.id": "a"}, {}, "a"), ({"tenant": "b"}, {"org.id": "a"}, "b"),
     ({"org.id": ""}, {}, None), ({"org.id": "x" * 10_000}, {}, None), ({}, {}, None)],
)  # fmt: skip
def test_the_point_counts_before_the_resource_and_the_first_attribute_before_others(
    attributes, resource, org, kind, encoding
):
    assert named_org(both(attributes, resource, kind)[encoding], encoding, KEYS) == org


@given(st.binary(max_size=200))
def test_bytes_that_are_no_request_name_nobody(body):
    assert named_org(body, "json", ("\0",)) is None
    assert named_org(body, "protobuf", ("\0",)) is None


MEMBERS = ("resourceMetrics", "scopeMetrics", "metrics", "sum", "dataPoints", "attributes", "key", "value")


def either(parts):
    return st.lists(parts, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), parts, max_size=3)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), either))
def test_json_of_any_shape_names_nobody(content):
    assert named_org(json.dumps({"resourceMetrics": [content]}).encode(), "json", ("\0",)) is None
