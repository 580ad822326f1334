-- What the price of cached tokens is looked up by. $1 org ids, $2 kinds of tokens. Index: cost_line_pk, cost_key_pk.
SELECT o.org_id, o.name AS org, k.key_id, k.metric, k.unit, k.attributes::text AS attributes
FROM (
    SELECT DISTINCT org_id, key_id FROM cost_line
    WHERE org_id = ANY ($1::bigint[]) AND attributes ->> 'token.kind' = ANY ($2::text[])
) AS l
JOIN usage_org o ON o.org_id = l.org_id
JOIN cost_key k ON k.key_id = l.key_id
