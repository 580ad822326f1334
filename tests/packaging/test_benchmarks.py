"""The benchmarks stay runnable: `make bench` knows every script that measures by itself, and each finds its imports.

They are not run here: a --quick round of all of them takes two minutes on an idle machine, and much more on a busy one.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(
    r"(\w+\.py)", next(ln for ln in (ROOT / "Makefile").read_text().splitlines() if "BENCHMARKS :=" in ln)
)
SCRIPTS = sorted(path.name for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text())


def test_make_bench_runs_every_script_that_takes_quick():
    quick = {name for name in SCRIPTS if '"--quick"' in (ROOT / "benchmarks" / name).read_text()}
    assert quick == set(NAMED)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_finds_what_it_needs_and_explains_itself(name):
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / name, "--help"],
        capture_output=True, text=True, timeout=100, check=False, env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
