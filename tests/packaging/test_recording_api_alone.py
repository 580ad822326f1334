"""The recording API is for libraries: it brings nothing along but the OpenTelemetry API."""

import subprocess
import sys

FORBIDDEN = ("opentelemetry.sdk", "aiohttp", "asyncpg", "numpy", "requests", "google.protobuf")


def test_importing_the_recording_api_imports_neither_sdk_nor_receiver():
    script = (
        "import sys, tallystick; tallystick.Metering().record('a', 1, organization_id='b');"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
