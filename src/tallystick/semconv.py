"""The names that all three packages agree on: attributes, metrics and their limits (design section 2)."""

from typing import Final

ORG_ID: Final = "org.id"
PROJECT_ID: Final = "project.id"
ORG_ALIASES: Final = (ORG_ID, "organization.id", "tenant.id")
PROJECT_ALIASES: Final = (PROJECT_ID,)

SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"

METRIC_OVERFLOW: Final = "otel.metric.overflow"
"""True on the point that holds what came above an SDK's cardinality limit (OTel specification, metrics SDK)."""

KIND_SUM: Final = "sum"
KIND_LEVEL: Final = "level"
KIND_HISTOGRAM: Final = "histogram"
"""The quantity of a histogram: its sum."""
KIND_OPERATIONS: Final = "operations"
"""The number of operations of a histogram: its count."""

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
