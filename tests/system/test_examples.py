"""Every example in /openapi.json is asked of a real receiver, and is what its schema says."""

import jsonschema
import pytest
from otlp import get

WORKED = ("/api/usage", "/api/v1/usage/breakdown", "/api/v1/usage/summary", "/api/v1/usage/export")


def operations(description):
    """(path, its example query, its example answers by content type) of each GET that has an example."""
    components = description["components"]["parameters"]
    for path, methods in description["paths"].items():
        if "get" not in methods:
            continue
        stated = methods["get"].get("parameters", [])
        known = [components[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in stated]
        query = {parameter["name"]: parameter["example"] for parameter in known if "example" in parameter}
        if query:
            yield path, query, methods["get"]["responses"]["200"]["content"]


@pytest.fixture
def description(receiver):
    return get(receiver.url + "/openapi.json").json


def test_every_example_is_answered_as_its_schema_says(receiver, description):
    asked = {}
    for path, query, contents in operations(description):
        reply = get(receiver.url + path, **query)
        assert reply.status == 200, (path, reply.body)
        kind = reply.headers["Content-Type"].split(";")[0]
        asked[path] = contents[kind]
        if kind == "application/json":
            for answer in (reply.json, contents[kind]["example"]):
                jsonschema.validate(answer, {**contents[kind]["schema"], "components": description["components"]})
            assert set(reply.json) == set(contents[kind]["example"])
        else:
            assert reply.body.decode().split("\r\n")[0] == contents[kind]["example"].split("\r\n")[0]
    assert set(WORKED) <= set(asked)
