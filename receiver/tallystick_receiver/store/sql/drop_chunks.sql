-- Drop the chunks of points that end before a time.
-- $1 time.
SELECT count(*) FROM drop_chunks('usage_point', older_than => $1::timestamptz)
