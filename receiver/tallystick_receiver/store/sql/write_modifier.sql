-- Record a factor on rates; the database refuses one that overlaps a live one.
INSERT INTO rate_modifier (id, org, layer, metric, selector, factor, valid, source_url, checked_on, note, recorded_at)
VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, tstzrange($7, $8), $9, $10, $11, $12)
