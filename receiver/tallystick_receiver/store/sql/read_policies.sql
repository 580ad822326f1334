-- The policies on our points and aggregates, their arguments in seconds.
SELECT j.proc_name AS procedure, coalesce(v.view_name, j.hypertable_name) AS relation,
       CASE j.proc_name
           WHEN 'policy_refresh_continuous_aggregate' THEN
               jsonb_build_array(extract(epoch FROM (j.config ->> 'start_offset')::interval),
                                 extract(epoch FROM (j.config ->> 'end_offset')::interval),
                                 extract(epoch FROM j.schedule_interval))
           WHEN 'policy_compression' THEN jsonb_build_array(extract(epoch FROM (j.config ->> 'compress_after')::interval))
           ELSE jsonb_build_array(extract(epoch FROM (j.config ->> 'drop_after')::interval))
       END::text AS arguments
FROM timescaledb_information.jobs j
LEFT JOIN timescaledb_information.continuous_aggregates v
       ON j.hypertable_name IN (v.view_name, v.materialization_hypertable_name)
WHERE j.proc_name IN ('policy_refresh_continuous_aggregate', 'policy_compression', 'policy_retention')
  AND coalesce(v.view_name, j.hypertable_name) IN ('usage_point', 'usage_hourly_aggregate', 'usage_daily_aggregate')
