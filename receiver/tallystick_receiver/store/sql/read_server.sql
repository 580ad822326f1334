-- The versions of PostgreSQL and TimescaleDB. The loader of TimescaleDB, where it is preloaded, knows disable_load.
SELECT current_setting('server_version') AS postgresql,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS extension,
       CASE WHEN current_setting('timescaledb.disable_load', true) IS NOT NULL
            THEN (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') END AS offered
