-- Keys of a metric's lines are made by these dimensions now. $1 metric, $2 dimensions.
INSERT INTO cost_scheme (metric, dimensions) VALUES ($1, $2)
ON CONFLICT (metric) DO UPDATE SET dimensions = excluded.dimensions
