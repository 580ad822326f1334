-- $1 writer ids, $2 series ids, $3 starts, $4 places, $5/$6/$7 first ends, mantissas and exponents, $8 ends,
-- $9/$10 mantissas and exponents of the highest values, $11/$12 of what is reached. Index: usage_cumulative_pk.
INSERT INTO usage_cumulative (writer_id, series_id, start_ns, at_ns, first_ns, first_mantissa, first_exponent, end_ns,
                              mantissa, exponent, reached_mantissa, reached_exponent)
SELECT *
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::smallint[],
            $8::bigint[], $9::bigint[], $10::smallint[], $11::bigint[], $12::smallint[])
ON CONFLICT (writer_id, series_id, start_ns, at_ns) DO UPDATE
SET first_ns = excluded.first_ns, first_mantissa = excluded.first_mantissa, first_exponent = excluded.first_exponent,
    end_ns = excluded.end_ns, mantissa = excluded.mantissa, exponent = excluded.exponent,
    reached_mantissa = excluded.reached_mantissa, reached_exponent = excluded.reached_exponent
