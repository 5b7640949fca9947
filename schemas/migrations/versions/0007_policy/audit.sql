-- The audit: who read what about a student and why. Nobody but the owner may write it otherwise
-- than through audit_append, and each entry holds the hash of the one before, so that a changed or
-- missing entry shows. A student is named by a digest, so that an erasure leaves the audit whole.

CREATE FUNCTION student_digest(pseudonym uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN left(encode(sha256(convert_to(pseudonym::text, 'UTF8')), 'hex'), 32);
COMMENT ON FUNCTION student_digest IS 'How the audit names a student';

CREATE FUNCTION audit_hash(
    prev bytea, id bigint, at timestamptz, actor text, role text, action text, object text,
    object_id text, reason text, row_count integer
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(coalesce(prev, '') || convert_to(concat_ws(
    '|', id, (extract(epoch FROM at) * 1000000)::bigint,
    length(actor) || ':' || actor, length(role) || ':' || role, length(action) || ':' || action,
    length(object) || ':' || object, coalesce(length(object_id) || ':' || object_id, '-'),
    coalesce(length(reason) || ':' || reason, '-'), coalesce(row_count::text, '-')
), 'UTF8'));
COMMENT ON FUNCTION audit_hash IS 'SHA-256 over the hash of the entry before and all fields';

CREATE FUNCTION audit_append(
    action text, object text, object_id text, reason text, row_count integer
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    actor text := session_user;
    as_role text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    id bigint;
    at timestamptz;
    month date;
    prev bytea;
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'say why: the reason stands in the audit'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF length(reason) > 500 OR length(action) > 100 OR length(object) > 100
       OR length(object_id) > 200 THEN
        RAISE EXCEPTION 'a reason has at most 500 characters'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the audit is written in READ COMMITTED transactions only'
            USING ERRCODE = 'active_sql_transaction',
                  HINT = 'elsewhere the entry before would not be seen, and the chain would fork';
    END IF;
    PERFORM pg_advisory_xact_lock(4207806989);  -- until the commit: one entry after the other
    at := clock_timestamp();
    month := date_trunc('month', at AT TIME ZONE 'UTC');
    IF to_regclass('audit_log_p' || to_char(month, 'YYYYMM')) IS NULL THEN
        PERFORM pg_advisory_xact_lock(4207804418);  -- of schemas.partitions
        IF to_regclass('audit_log_p' || to_char(month, 'YYYYMM')) IS NULL THEN
            PERFORM create_partition('audit_log', month, (month + interval '1 month')::date);
        END IF;
    END IF;
    SELECT a.hash INTO prev FROM audit_log AS a ORDER BY a.audit_id DESC LIMIT 1;
    id := nextval(pg_get_serial_sequence('audit_log', 'audit_id'));
    INSERT INTO audit_log (
        ts, audit_id, actor, role, action, object, object_id, reason, row_count, prev_hash, hash
    ) OVERRIDING SYSTEM VALUE VALUES (
        at, id, actor, as_role, action, object, object_id, reason, row_count, prev,
        audit_hash(prev, id, at, actor, as_role, action, object, object_id, reason, row_count)
    );
    -- A rollback takes the entry back, but not this line of the server's log.
    RAISE LOG 'facepose audit %: % as % did % on % %', id, actor, as_role, action, object, object_id;
    RETURN id;
END
$$;
COMMENT ON FUNCTION audit_append IS 'Writes one entry of the audit; the actor is the session''s user';

CREATE FUNCTION audit_entries(since date, until date) RETURNS TABLE (
    at timestamptz, actor text, role text, action text, object text, pseudonym uuid,
    object_id text, reason text, row_count integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.ts, a.actor, a.role, a.action, a.object, s.pseudonym, a.object_id, a.reason,
           a.row_count
    FROM audit_log AS a
    LEFT JOIN students AS s ON a.object = 'student' AND student_digest(s.pseudonym) = a.object_id
    WHERE a.ts >= since::timestamp AT TIME ZONE 'UTC'
      AND a.ts < (until + 1)::timestamp AT TIME ZONE 'UTC'
    ORDER BY a.audit_id
$$;
COMMENT ON FUNCTION audit_entries IS
    'Who looked at which student''s data, from one UTC day to another, both included';

REVOKE ALL ON audit_log FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION
    audit_append(text, text, text, text, integer), audit_entries(date, date) FROM PUBLIC;
