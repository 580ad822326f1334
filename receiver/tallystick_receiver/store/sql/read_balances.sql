-- Accounts by id, with the sums of their entries and the cost of what their owners used since they were opened.
-- $1 organisation or null, $2 subject type or null, $3 subject or null, $4 id after which or null, $5 rows at most.
-- Cost is what is charged on (the layer resale), summed in one pass for the whole page; every booking of it counts.
WITH page AS MATERIALIZED (
    SELECT * FROM credit_account
    WHERE ($1::text IS NULL OR org = $1) AND ($2::text IS NULL OR subject_type = $2)
      AND ($3::text IS NULL OR subject = $3) AND ($4::bigint IS NULL OR id > $4)
    ORDER BY id
    LIMIT $5
), named AS MATERIALIZED (
    SELECT l.org_id, l.dims_id, l.part, k.subject_type,
           CASE k.subject_type WHEN 'org' THEN k.org WHEN 'project' THEN j.name
                WHEN 'user' THEN l.attributes ->> 'user.id' ELSE l.attributes ->> k.subject_type END AS subject
    FROM (SELECT DISTINCT org, org_id, subject_type FROM page) AS k
    JOIN cost_line l ON l.org_id = k.org_id
    LEFT JOIN usage_project j ON j.org_id = l.org_id AND j.project_id = l.project_id
), owned AS MATERIALIZED (
    SELECT p.id, p.currency, p.opened_at, n.org_id, n.dims_id, n.part
    FROM page p
    JOIN named n ON n.org_id = p.org_id AND n.subject_type = p.subject_type AND n.subject = p.subject
), spent AS (
    SELECT s.id, sum(s.quantity * t.billed_price) FILTER (WHERE t.currency = s.currency) AS cost,
           coalesce(sum(s.rows) FILTER (WHERE t.price IS NULL AND t.state <> 'superseded'), 0) AS unpriced,
           array_agg(DISTINCT t.currency) FILTER (WHERE t.currency <> s.currency) AS other_currencies
    FROM (
        SELECT o.id, o.currency, c.tariff_id, sum(c.quantity) AS quantity, count(*) AS rows
        FROM owned o
        JOIN usage_cost c ON c.org_id = o.org_id AND c.dims_id = o.dims_id AND c.part = o.part
                             AND c.hour >= o.opened_at
        GROUP BY 1, 2, 3
    ) AS s
    JOIN cost_tariff t ON t.tariff_id = s.tariff_id
    GROUP BY s.id
), booked AS (
    SELECT p.id, sum(e.amount) FILTER (WHERE e.kind = 'grant') AS granted,
           sum(e.amount) FILTER (WHERE e.kind = 'refill') AS refilled,
           sum(e.amount) FILTER (WHERE e.kind = 'adjust') AS adjusted
    FROM page p
    JOIN credit_entry e ON e.account_id = p.id
    GROUP BY p.id
), coming AS (
    SELECT p.id, min(r.next_at) AS next_at
    FROM page p
    JOIN credit_refill r ON r.account_id = p.id
    GROUP BY p.id
)
SELECT p.id, p.org, p.subject_type, p.subject, p.currency, p.credits_per_unit, p.opened_at, p.created_at,
       coalesce(b.granted, 0) AS granted, coalesce(b.refilled, 0) AS refilled, coalesce(b.adjusted, 0) AS adjusted,
       coalesce(s.cost, 0) AS cost, coalesce(s.unpriced, 0)::bigint AS unpriced,
       coalesce(s.other_currencies, '{}') AS other_currencies, n.next_at
FROM page p
LEFT JOIN booked b ON b.id = p.id
LEFT JOIN spent s ON s.id = p.id
LEFT JOIN coming n ON n.id = p.id
ORDER BY p.id
