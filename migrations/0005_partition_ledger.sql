-- The ledger in partitions of a day: its arrays go when no late data can come any more, its totals stay. Also what
-- has been dropped so far, and which edition of the storage this database is.
CREATE TABLE storage_edition (
    only_row    boolean CONSTRAINT storage_edition_pk PRIMARY KEY DEFAULT true CONSTRAINT storage_edition_one CHECK (only_row),
    edition     text NOT NULL CONSTRAINT storage_edition_known
                CHECK (edition IN ('postgresql', 'timescaledb-apache', 'timescaledb-community')),
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE usage_retention (
    relation       text CONSTRAINT usage_retention_pk PRIMARY KEY,
    dropped_before timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00'
) WITH (fillfactor = 50);

INSERT INTO usage_retention (relation)
VALUES ('usage_collection'), ('usage_point'), ('usage_quarter_hourly'), ('usage_total_hourly'), ('usage_daily'),
       ('usage_total_daily');

COMMENT ON COLUMN usage_retention.dropped_before IS 'what is older is gone, or is not answered from this table any more';

-- What stays of the ledger when its arrays go.
CREATE TABLE usage_collection_hourly (
    writer_id   bigint NOT NULL,
    hour        timestamptz NOT NULL,
    metric_id   bigint NOT NULL,
    collections bigint NOT NULL,
    points      bigint NOT NULL,
    quantity    numeric NOT NULL,
    CONSTRAINT usage_collection_hourly_pk PRIMARY KEY (hour, writer_id, metric_id)
);

ALTER TABLE usage_collection RENAME TO usage_collection_first;
ALTER TABLE usage_collection_first RENAME CONSTRAINT usage_collection_pk TO usage_collection_first_pk;

CREATE TABLE usage_collection (
    LIKE usage_collection_first INCLUDING COMMENTS INCLUDING STORAGE,
    CONSTRAINT usage_collection_pk PRIMARY KEY (writer_id, end_ns, part)
) PARTITION BY RANGE (end_ns);

-- Makes the partition of a UTC day where it is missing; false where that day was dropped and nothing may come any more.
CREATE FUNCTION usage_add_partition(relation text, day date) RETURNS boolean
    LANGUAGE plpgsql SET timezone = 'UTC'
AS $$
DECLARE
    partition text := relation || to_char(day, '"_"YYYYMMDD');
    dropped   timestamptz;
    bounds    text[] := ARRAY[day::timestamptz::text, (day + 1)::timestamptz::text];
BEGIN
    -- The row orders us with other receivers and with retention.
    SELECT r.dropped_before INTO STRICT dropped FROM usage_retention r
    WHERE r.relation = usage_add_partition.relation FOR UPDATE;
    IF day < dropped THEN
        RETURN false;
    ELSIF (SELECT relkind FROM pg_class WHERE oid = relation::regclass) <> 'p' OR to_regclass(partition) IS NOT NULL THEN
        RETURN true;
    END IF;
    IF relation = 'usage_collection' THEN
        bounds := ARRAY[extract(epoch FROM day)::bigint * 1000000000, extract(epoch FROM day + 1)::bigint * 1000000000];
    END IF;
    -- ATTACH lets commits go on, CREATE TABLE .. PARTITION OF would not.
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING STORAGE)', partition, relation);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', relation, partition, bounds[1], bounds[2]);
    RETURN true;
EXCEPTION
    WHEN invalid_object_definition THEN
        RETURN true; -- the partition that holds everything from before this migration has that day
END
$$;

DO $$
DECLARE
    last bigint := (SELECT max(end_ns) FROM usage_collection_first);
BEGIN
    IF last IS NULL THEN
        DROP TABLE usage_collection_first;
    ELSE
        EXECUTE format('ALTER TABLE usage_collection ATTACH PARTITION usage_collection_first FOR VALUES FROM (MINVALUE) TO (%s)',
                       (last / 86400000000000 + 1) * 86400000000000);
    END IF;
END
$$;
