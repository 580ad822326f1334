-- Lines of sets of dimensions; of those that are there the key is renewed. $1 org id, other columns as arrays.
INSERT INTO cost_line (org_id, dims_id, part, project_id, metric, unit, factor, attributes, source, grade, precedence,
                       sender_id, key_id, group_id)
SELECT $1, dims_id, part, project_id, metric, unit, factor, attributes::jsonb, source, grade, precedence, sender_id,
       key_id, group_id
FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::text[], $6::text[], $7::smallint[], $8::text[], $9::text[],
            $10::text[], $11::smallint[], $12::bigint[], $13::bigint[], $14::bigint[])
     AS n (dims_id, part, project_id, metric, unit, factor, attributes, source, grade, precedence, sender_id, key_id,
           group_id)
ON CONFLICT ON CONSTRAINT cost_line_pk DO UPDATE SET key_id = excluded.key_id
