"""The wheel as a stranger gets it, built once a session."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest


class Environment:
    """A virtual environment of its own, with nothing in it but what is installed here."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder / "bin"
        self._elsewhere = folder / "elsewhere"
        venv.create(folder, with_pip=False)
        self._elsewhere.mkdir()

    def install(self, requirement: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", self.command("python")]
        self._checked([*pip, "install", "--quiet", "--no-compile", requirement])

    def python(self, script: str, **environment: str) -> str:
        """What the script prints."""
        return self._checked([self.command("python"), "-W", "error", "-c", script], environment).stdout

    def command(self, name: str) -> str:
        """The path of an installed script."""
        return str(self._bin / name)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """An installed script, away from the checkout."""
        return subprocess.run(
            [self.command(arguments[0]), *arguments[1:]],
            capture_output=True, text=True, timeout=60, check=False, cwd=self._elsewhere, env=self.variables,
        )  # fmt: skip

    @property
    def variables(self) -> dict[str, str]:
        """This process's environment without what would let the checkout shine through."""
        hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        return {name: value for name, value in os.environ.items() if name not in hidden}

    def _checked(
        self, command: list[str], environment: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, cwd=self._elsewhere,
            env={**self.variables, **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture(scope="session")
def distributions(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(root)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def install(wheel: Path) -> Iterator[Callable[[str], Environment]]:
    """Installs the wheel with some extras in an empty environment: install("[receiver]")."""
    # Not below pytest's own folder, which keeps the last three runs: an environment takes 250 MB.
    with tempfile.TemporaryDirectory(prefix="tallystick-environments-") as folder:

        def make(extras: str) -> Environment:
            environment = Environment(Path(tempfile.mkdtemp(dir=folder)))
            environment.install(f"tallystick{extras} @ {wheel.as_uri()}")
            return environment

        yield make


@pytest.fixture(scope="session")
def recorder(install: Callable[[str], Environment]) -> Environment:
    """An application's environment: the recording API alone."""
    return install("")


@pytest.fixture(scope="session")
def server(install: Callable[[str], Environment]) -> Environment:
    """A server's environment: the receiver and the embedded PostgreSQL, without the exporter."""
    return install("[receiver,embedded]")


@pytest.fixture(scope="session")
def application(install: Callable[[str], Environment]) -> Environment:
    """An application's environment: the recording API and the exporter."""
    return install("[exporter]")
