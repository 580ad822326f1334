-- $1 ids, $2 credential orgs, $3 namespaces, $4 names, $5 instances, $6 identities.
INSERT INTO usage_writer (writer_id, credential_org, namespace, name, instance, identity)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
     AS seen (writer_id, credential_org, namespace, name, instance, identity)
ORDER BY writer_id
ON CONFLICT DO NOTHING
