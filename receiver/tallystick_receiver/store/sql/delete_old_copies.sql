-- $1 time.
DELETE FROM usage_copy WHERE end_ns < extract(epoch FROM $1::timestamptz)::bigint * 1000000000
