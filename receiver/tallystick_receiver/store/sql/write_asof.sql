-- Everything that was rolled up until then is priced. $1 when.
INSERT INTO cost_asof (priced_at) VALUES ($1) ON CONFLICT (is_only) DO UPDATE SET priced_at = excluded.priced_at
