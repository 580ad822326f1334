"""Texts that JSON Schema has no format for, as schemathesis makes them up."""

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("iana-time-zone", st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
# Names that never resolve (RFC 6761): nothing is sent anywhere.
schemathesis.openapi.format("public-http-url", st.sampled_from(["https://hooks.invalid/a", "http://b.invalid:81/?c=d"]))
