-- From when on the streams of a writer count in full; null where none was seen yet.
-- $1 writer ids. Index: usage_writer_pk.
SELECT writer_id, cumulative_since_ns FROM usage_writer WHERE writer_id = ANY ($1::bigint[])
