"""Texts that JSON Schema has no format for, as schemathesis makes them up."""

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("iana-time-zone", st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
