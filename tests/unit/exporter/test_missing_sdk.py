"""Without the SDK, the import says what to install."""

import subprocess
import sys


def test_a_missing_sdk_is_a_sentence_that_says_what_to_install():
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['opentelemetry.sdk'] = None; import tallystick_exporter"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert "pip install 'tallystick[exporter]'" in done.stderr.splitlines()[-1]
