-- Tariffs that no row of cost and no total of a month has. Index: none, all three are read.
DELETE FROM cost_tariff t
WHERE NOT EXISTS (SELECT FROM usage_cost c WHERE c.tariff_id = t.tariff_id)
  AND NOT EXISTS (SELECT FROM usage_cost_monthly m WHERE m.tariff_id = t.tariff_id)
