-- New ids of records, in order, so that two receivers wait for each other instead of stopping each other.
-- $1 ids, $2 series, $3 ends (ns), $4 mantissas, $5 exponents, $6 whether the sender said the time.
INSERT INTO usage_record (record_id, series_id, end_ns, mantissa, exponent, is_dated)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::boolean[])
    AS new (record_id, series_id, end_ns, mantissa, exponent, is_dated)
ORDER BY 1
