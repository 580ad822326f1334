-- Record rates; the database refuses those that overlap live ones. Columns as arrays.
INSERT INTO rate (id, org, metric, unit, selector, price, per_units, currency, valid, week_hours, source_url,
                  checked_on, note, recorded_at)
SELECT r.id, r.org, r.metric, r.unit, r.selector::jsonb, r.price, r.per_units, r.currency,
       tstzrange(r.valid_from, r.valid_to), r.week::int4multirange, r.source_url, r.checked_on, r.note, r.recorded_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::text[],
            $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::date[], $14::text[],
            $15::timestamptz[])
     AS r (id, org, metric, unit, selector, price, per_units, currency, valid_from, valid_to, week, source_url,
           checked_on, note, recorded_at)
