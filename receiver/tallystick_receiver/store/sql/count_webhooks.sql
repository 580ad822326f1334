-- How many endpoints an organisation has, or the operator. $1 organisation or null. Index: webhook_org.
SELECT count(*) FROM webhook WHERE org IS NOT DISTINCT FROM $1::text
