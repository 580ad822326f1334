-- Tariffs by their hashes; none is ever changed. Columns as arrays; lists as JSON.
INSERT INTO cost_tariff (tariff_id, state, rate_id, modifier_ids, currency, list_price, price, billed_price, resolved,
                         notes)
SELECT tariff_id, state, rate_id, ARRAY(SELECT jsonb_array_elements_text(modifier_ids::jsonb)), currency, list_price,
       price, billed_price, resolved::jsonb, ARRAY(SELECT jsonb_array_elements_text(notes::jsonb))
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::numeric[],
            $9::text[], $10::text[])
     AS t (tariff_id, state, rate_id, modifier_ids, currency, list_price, price, billed_price, resolved, notes)
ON CONFLICT (tariff_id) DO NOTHING
