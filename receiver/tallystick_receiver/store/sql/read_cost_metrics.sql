-- Metrics that lines are priced by.
SELECT metric FROM cost_scheme ORDER BY metric
