-- Policy's locks: what a profile forbids cannot be written, whoever writes. Once a statement, over
-- its distinct meetings: a lookup for each row would take longer than the row itself. A partition
-- has the same trigger for rows that name it and not its table.

CREATE FUNCTION refuse_forbidden_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    refused record;
BEGIN
    -- identity_mode 0: the lesson was opened under a policy without rows of single students, and
    -- gets none when the policy becomes looser while it is held, or later.
    SELECT n.meeting_id, m.site_id, s.per_student AND m.identity_mode > 0 AS student INTO refused
    FROM (SELECT DISTINCT meeting_id FROM new_rows) AS n
    LEFT JOIN public.meetings AS m ON m.meeting_id = n.meeting_id
    LEFT JOIN public.sites AS s ON s.site_id = m.site_id
    WHERE NOT coalesce(
        s.per_student AND m.identity_mode > 0 AND (s.expression OR TG_NARGS = 0), false
    ) LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF refused.site_id IS NULL THEN
        RAISE EXCEPTION 'no meeting % is known: its row comes before those of students',
            refused.meeting_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RAISE EXCEPTION 'policy permits no % of meeting %',
        CASE WHEN refused.student THEN 'expressions' ELSE 'rows of single students' END,
        refused.meeting_id USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME,
            HINT = 'the site file''s policy decides; `facepose db sync` brought it here';
END
$$;
COMMENT ON FUNCTION refuse_forbidden_rows IS 'Policy''s lock on rows of single students';

CREATE FUNCTION lock_by_policy(which regclass, argument text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER policy_lock AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_forbidden_rows(%s)', which, argument
    );
END
$$;

-- An erased student's number is never linked to a row again: where the same seat of the same class
-- goes on, its lessons are anonymous until the class sits anew.
CREATE FUNCTION leave_erased_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.student_id IS NOT NULL AND EXISTS (
        SELECT FROM public.students AS s
        WHERE s.student_id = NEW.student_id AND s.erased_at IS NOT NULL
    ) THEN
        NEW.student_id := NULL;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION leave_erased_unlinked IS 'Rows of an erased student''s seat are anonymous';

-- the tables, and the partitions that they have by now
SELECT lock_by_policy(which.relid, CASE parent WHEN 'expression_minutes' THEN 'expression' ELSE '' END)
FROM unnest(ARRAY[
    'participations', 'attention_windows', 'attention_minutes', 'participation_summaries',
    'expression_minutes'
]) AS parent CROSS JOIN LATERAL (
    SELECT parent::regclass AS relid
    UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = parent::regclass
) AS which;
CREATE TRIGGER erased_unlinked BEFORE INSERT OR UPDATE OF student_id ON participations
    FOR EACH ROW EXECUTE FUNCTION leave_erased_unlinked();
CREATE TRIGGER erased_unlinked BEFORE INSERT OR UPDATE OF student_id ON participation_summaries
    FOR EACH ROW EXECUTE FUNCTION leave_erased_unlinked();

-- Rows from before a profile became stricter. A dry run only counts.
CREATE FUNCTION purge_forbidden_rows(dry_run boolean) RETURNS TABLE (
    site text, table_name text, row_count bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    rules record;
    kind text;
    n bigint;
    total bigint;
BEGIN
    FOR rules IN
        SELECT s.site_id, s.slug, s.per_student, s.expression FROM sites AS s
        WHERE NOT (s.per_student AND s.expression) ORDER BY s.slug
    LOOP
        total := 0;
        FOREACH kind IN ARRAY ARRAY[
            'expression_minutes', 'attention_windows', 'attention_minutes',
            'participation_summaries', 'events', 'report_files', 'participations', 'seating',
            'students'
        ] LOOP
            CONTINUE WHEN rules.per_student AND kind <> 'expression_minutes';
            EXECUTE format(
                CASE WHEN dry_run THEN 'SELECT count(*) FROM %I AS t WHERE %s'
                ELSE 'WITH gone AS (DELETE FROM %I AS t WHERE %s RETURNING 1)
                      SELECT count(*) FROM gone' END,
                kind,
                CASE kind
                    WHEN 'students' THEN 't.site_id = $1 AND t.erased_at IS NULL'
                    WHEN 'seating' THEN
                        't.class_id IN (SELECT class_id FROM classes WHERE site_id = $1)'
                    WHEN 'events' THEN 't.site_id = $1
                        AND (t.participation_id IS NOT NULL OR t.kind = ''seat_change'')'
                    WHEN 'report_files' THEN 't.per_student AND t.run_id IN (
                        SELECT run_id FROM report_runs JOIN report_defs USING (report_id)
                        WHERE site_id = $1)'
                    ELSE 't.meeting_id IN (SELECT meeting_id FROM meetings WHERE site_id = $1)'
                END
            ) INTO n USING rules.site_id;
            total := total + n;
            IF n > 0 THEN
                RETURN QUERY SELECT rules.slug, kind, n;
            END IF;
        END LOOP;
        IF total > 0 AND NOT dry_run THEN
            PERFORM audit_append('purge', 'site', rules.slug,
                'policy no longer permits these rows', least(total, 2147483647)::integer);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION purge_forbidden_rows IS
    'Deletes, or counts, rows of students that the policy of their site no longer permits';
REVOKE EXECUTE ON FUNCTION purge_forbidden_rows(boolean) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION lock_by_policy(regclass, text) FROM PUBLIC;
