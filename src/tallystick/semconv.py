"""The names that all three packages agree on: attributes, metrics and their limits (design section 2)."""

from typing import Final

ORG_ID: Final = "org.id"
PROJECT_ID: Final = "project.id"
ORG_ALIASES: Final = (ORG_ID, "organization.id", "tenant.id")
PROJECT_ALIASES: Final = (PROJECT_ID,)
USER_ID: Final = "user.id"
"""The dimension of a subject of the type `user` (OpenTelemetry's attribute registry)."""

SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"

METRIC_OVERFLOW: Final = "otel.metric.overflow"
"""True on the point that holds what came above an SDK's cardinality limit (OTel specification, metrics SDK)."""

KIND_SUM: Final = "sum"
KIND_LEVEL: Final = "level"
KIND_HISTOGRAM: Final = "histogram"
"""The quantity of a histogram (`sum`); its operations are counted besides."""
KIND_OPERATIONS: Final = "operations"
"""The `count` of a histogram."""

SENDER_SCOPE: Final = "tallystick.sender"
SENDER_COLLECTION: Final = "tallystick.sender.collection"
"""A sender's half: a gauge, one point a collection, whose value is the collection's sequence number (issue 4)."""
SENDER_TALLY: Final = "tally"
"""The attribute of that point which holds the tally, as JSON text (exporter/README.md, "The sender's half")."""

UNATTRIBUTED: Final = "(unattributed)"
"""The organisation of usage whose own one is lost: such points without an organisation. Nobody may bear that name."""

INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)

ID_LENGTH_MAX: Final = 255
"""Characters of an organisation or project id."""
METRIC_NAME_LENGTH_MAX: Final = 255
"""Characters of an instrument name (OTel specification, instrument name syntax)."""
UNIT_LENGTH_MAX: Final = 63
"""Characters of a unit (OTel specification, instrument unit)."""
ATTRIBUTES_MAX: Final = 64
"""Attributes of one point, organisation and project included."""
ATTRIBUTE_KEY_LENGTH_MAX: Final = 255
ATTRIBUTE_VALUE_LENGTH_MAX: Final = 1024
"""Characters of one attribute value in its text form."""
