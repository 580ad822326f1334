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


def test_metering_of_language_models_imports_nothing_but_the_standard_library_and_the_opentelemetry_api():
    script = (
        "import sys; before = set(sys.modules);"
        "from tallystick.llm import LlmMetering;"
        "LlmMetering().record({'prompt_tokens': 5}, provider='openai', organization_id='acme');"
        "new = set(sys.modules) - before;"
        "print(*sorted({name.split('.')[0] for name in new} - set(sys.stdlib_module_names)));"
        f"print([name for name in {FORBIDDEN!r} if name in new])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    imported, forbidden = done.stdout.splitlines()
    # typing_extensions comes with opentelemetry-api.
    assert set(imported.split()) - {"typing_extensions"} == {"opentelemetry", "tallystick"}
    assert forbidden == "[]"
    assert done.stderr == ""
