-- Months that have costs from now on. $1 months, $2 when.
INSERT INTO cost_month (month, begun_at) SELECT month, $2 FROM unnest($1::timestamptz[]) AS m (month)
ON CONFLICT (month) DO NOTHING
