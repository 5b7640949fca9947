-- Partitions belong to the owner of their table, whoever asks for them: a service needs no right to
-- create tables, and whoever keeps the house may drop partitions, and nothing else.

CREATE FUNCTION create_partition(parent text, first date, until date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    partition text;
    argument text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class
                   WHERE oid = to_regclass(quote_ident(parent)) AND relkind = 'p'
                     AND relnamespace = 'public'::regnamespace
                     AND relowner = current_user::regrole) THEN
        RAISE EXCEPTION 'there is no partitioned table %', parent USING ERRCODE = 'undefined_table';
    END IF;
    IF until <= first OR until > first + 31 THEN
        RAISE EXCEPTION 'a partition holds a day or a month, not % to %', first, until
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    partition := parent || '_p'
        || to_char(first, CASE WHEN until = first + 1 THEN 'YYYYMMDD' ELSE 'YYYYMM' END);
    -- Create, then attach: CREATE … PARTITION OF would stop every writer of the table.
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING IDENTITY)', partition, parent);
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, first || ' 00:00:00+00', until || ' 00:00:00+00'
    );
    SELECT encode(tgargs, 'escape') INTO argument FROM pg_trigger
    WHERE tgrelid = parent::regclass AND tgname = 'policy_lock';
    IF FOUND THEN
        PERFORM lock_by_policy(partition::regclass, split_part(argument, '\000', 1));
    END IF;
    RETURN partition;
END
$$;
COMMENT ON FUNCTION create_partition IS
    'Makes the partition of a table for the UTC days from first to until (not included)';

CREATE FUNCTION drop_partition(partition text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent regclass;
    until timestamptz;
BEGIN
    SELECT inhparent, substring(pg_get_expr(child.relpartbound, child.oid)
                                FROM $re$ TO \('([^']*)'\)$re$)::timestamptz
    INTO parent, until
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhrelid = to_regclass(quote_ident(partition))
      AND child.relnamespace = 'public'::regnamespace AND child.relowner = current_user::regrole;
    IF parent IS NULL THEN
        RAISE EXCEPTION '% is not a partition of ours', partition USING ERRCODE = 'undefined_table';
    END IF;
    IF parent = 'audit_log'::regclass AND until > clock_timestamp() - interval '365 days' THEN
        RAISE EXCEPTION 'the audit of the last year stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('ALTER TABLE %s DETACH PARTITION %I', parent, partition);
    EXECUTE format('DROP TABLE %I', partition);
END
$$;
COMMENT ON FUNCTION drop_partition IS
    'Drops a partition with its rows; of the audit only what is older than 365 days';

REVOKE EXECUTE ON FUNCTION
    create_partition(text, date, date), drop_partition(text) FROM PUBLIC;
