-- Which metrics came as records: of them a definition says what further records are, a sum or samples of a level.
CREATE INDEX usage_series_recorded ON usage_series (org_id, dims_id) WHERE scope = 'tallystick.records';
