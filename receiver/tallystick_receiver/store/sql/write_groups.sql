-- Groups of lines by their hashes. $1 org id, other columns as arrays.
INSERT INTO cost_group (org_id, group_id, project_id, metric, unit, attributes, source, grade)
SELECT $1, group_id, project_id, metric, unit, attributes::jsonb, source, grade
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
     AS g (group_id, project_id, metric, unit, attributes, source, grade)
ON CONFLICT ON CONSTRAINT cost_group_pk DO NOTHING
