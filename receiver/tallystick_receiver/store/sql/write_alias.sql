-- Record another name; the database refuses one that overlaps a live one.
INSERT INTO rate_alias (id, org, dimension, match, pattern, selector, value, priority, valid, note, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, tstzrange($9, $10), $11, $12)
