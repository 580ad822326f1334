-- $1 edition.
INSERT INTO storage_edition (edition) VALUES ($1)
ON CONFLICT (only_row) DO UPDATE SET edition = excluded.edition, recorded_at = now()
