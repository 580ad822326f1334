-- How many chunks of points end before a time.
-- $1 time.
SELECT count(*) FROM show_chunks('usage_point', older_than => $1::timestamptz)
