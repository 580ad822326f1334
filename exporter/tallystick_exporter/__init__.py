"""Usage leaves a process: an OpenTelemetry SDK reader and exporter that lose and double nothing on the way."""

try:
    import opentelemetry.exporter.otlp.proto.http as _http
    import opentelemetry.sdk as _sdk
except ImportError as error:
    raise ImportError(f"{error.name} is missing: pip install 'tallystick[exporter]'") from error

from tallystick_exporter.exporter import UsageExporter
from tallystick_exporter.reader import UsageReader

del _http, _sdk

__all__ = ["UsageExporter", "UsageReader"]
