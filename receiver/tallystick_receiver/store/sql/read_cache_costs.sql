-- What cached tokens cost at list, and what they would have cost as input that is not cached, by the prices of their
-- hours. Tokens of which either has no price come apart, without a currency.
-- $1 org ids, $2/$3 hours from and to, $4 metrics, $5 project id or null, $6 filters (JSON: key -> values), $7 kinds;
-- prices of input as arrays: $8 org ids, $9 key ids, $10 from, $11 to, $12 currencies, $13 prices.
-- Index: usage_cost_pk, cost_line_pk, cost_tariff_pk.
WITH cached AS MATERIALIZED (
    SELECT c.org_id, c.hour, l.key_id, l.attributes ->> 'token.kind' AS kind, t.currency, t.list_price,
           sum(c.quantity) AS quantity
    FROM usage_cost c
    JOIN cost_line l ON l.org_id = c.org_id AND l.dims_id = c.dims_id AND l.part = c.part
    JOIN cost_tariff t ON t.tariff_id = c.tariff_id
    WHERE c.org_id = ANY ($1::bigint[]) AND c.hour >= $2 AND c.hour < $3 AND t.state <> 'superseded'
      AND l.metric = ANY ($4::text[]) AND ($5::bigint IS NULL OR l.project_id = $5)
      AND l.attributes ->> 'token.kind' = ANY ($7::text[])
      AND ($6::text = '{}' OR NOT EXISTS (
          SELECT FROM jsonb_each($6::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (l.attributes ->> f.key), false)))
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT c.kind, s.currency, sum(c.quantity) AS quantity,
       sum(c.quantity * c.list_price) FILTER (WHERE s.currency IS NOT NULL) AS cost,
       sum(c.quantity * s.price) FILTER (WHERE s.currency IS NOT NULL) AS uncached_cost
FROM cached c
LEFT JOIN unnest($8::bigint[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::numeric[])
              AS s (org_id, key_id, lower, upper, currency, price)
     ON s.org_id = c.org_id AND s.key_id = c.key_id AND c.hour >= s.lower AND c.hour < s.upper
        AND s.currency = c.currency
GROUP BY 1, 2
