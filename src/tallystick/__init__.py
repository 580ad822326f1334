"""Usage metering that speaks OpenTelemetry: record what was used, and by whom."""

from tallystick._version import __version__
from tallystick.recording import Level, Metering
from tallystick.validity import NotRecorded

__all__ = ["Level", "Metering", "NotRecorded", "__version__"]
