-- Months that have costs.
SELECT month, begun_at, asked_at, closed_at, known_at FROM cost_month ORDER BY month
