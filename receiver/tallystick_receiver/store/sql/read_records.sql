-- What is known of the given ids of records. $1 ids. Index: usage_record_pk.
SELECT record_id, series_id, end_ns, mantissa, exponent, is_dated FROM usage_record WHERE record_id = ANY($1::bytea[])
