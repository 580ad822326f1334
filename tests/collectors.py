"""The real Collector, built from otel-config/builder.yaml, with otel-config/agent.yaml and gateway.yaml as they are.

Imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
from pathlib import Path

from cached import CACHE, one_at_a_time
from ports import free_port
from servers import Missing
from waiting import wait_until

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "otel-config"
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.160.0"
BUILD_SECONDS = 900


def built() -> Path:
    """The distribution, built once for each version of builder.yaml and kept in .cache/.

    Raises:
        Missing: it cannot be built here.
    """
    manifest = FOLDER / "builder.yaml"
    folder = CACHE / "collector" / hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]
    binary = folder / "tallystick-collector" / "tallystick-collector"
    with one_at_a_time(folder):
        if not binary.exists():
            _build(manifest, folder)
    return binary


def _build(manifest: Path, folder: Path) -> None:
    if shutil.which("go") is None:
        raise Missing("Go is not installed, so the Collector cannot be built")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["go", "run", BUILDER, f"--config={manifest}"], cwd=folder, capture_output=True, text=True, check=False,
        timeout=BUILD_SECONDS, env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "auto"},
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(folder)
        raise Missing(f"the Collector's modules cannot be had here: {done.stderr[-300:]}")


class Collector:
    """One Collector process; a restart keeps its ports and its queue.

    Args:
        binary: what `built()` returned.
        name: "agent" or "gateway".
        target: the URL that it sends to.
        folder: for its queue and its log.
    """

    def __init__(self, binary: Path, name: str, target: str, folder: Path) -> None:
        self.http = free_port()
        self._command = [binary, f"--config={FOLDER / f'{name}.yaml'}"]
        self._log = (folder / f"{name}.log").open("a")
        self._environment = {
            **os.environ, f"TALLYSTICK_{name.upper()}_HTTP": f"127.0.0.1:{self.http}",
            f"TALLYSTICK_{name.upper()}_GRPC": f"127.0.0.1:{free_port()}", "TALLYSTICK_GATEWAY_URL": target,
            "TALLYSTICK_URL": target, "TALLYSTICK_QUEUE_DIR": str(folder / name),
        }  # fmt: skip
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log, env=self._environment)
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self.process.poll() is None, Path(self._log.name).read_text()[-2000:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.http), 1):
            return True
        return False

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        self.kill()
        self._log.close()
