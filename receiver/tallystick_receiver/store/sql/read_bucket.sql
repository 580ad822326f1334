-- When the present bucket of time began, by the database's clock.
-- $1 width of a bucket.
SELECT date_bin($1::interval, now(), 'epoch'::timestamptz)
