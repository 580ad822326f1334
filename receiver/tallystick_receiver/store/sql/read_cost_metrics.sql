-- Metrics that lines are priced by, and from when on rows of cost are kept.
SELECT s.metric, r.dropped_before FROM cost_scheme s, usage_retention r WHERE r.relation = 'usage_cost' ORDER BY s.metric
