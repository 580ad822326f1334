-- Days in UTC that a bucket's border cuts: before which hour; null where it is no full one, or there are several.
-- $1 bucket unit, $2 time zone, $3/$4 days.
SELECT day, CASE WHEN count(*) = 1 AND min(n) % 4 = 0 THEN (min(n) / 4)::smallint END AS hour
FROM generate_series($3::timestamptz, $4::timestamptz - interval '24 hours', interval '24 hours') AS day,
     generate_series(1, 95) AS n
WHERE date_trunc($1::text, day + n * interval '15 minutes', $2::text)
      <> date_trunc($1::text, day + (n - 1) * interval '15 minutes', $2::text)
GROUP BY day
