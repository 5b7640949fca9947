-- The only way of people to rows of single students. Each function writes the audit entry itself,
-- and shows
--   nothing of a site whose policy has no rows of single students;
--   nothing of a rostered student without consent for purpose 2 at the lesson's time;
--   no figure of a lesson whose seats were not confirmed or were in doubt for more than 0.5 % of
--   the students' seconds (SCORE §5).

-- Whether a student may be linked to lessons: any refusal in force beats any consent, so that a
-- child's veto holds until the child takes it back. `schemas.consents` says the same in Python.
CREATE FUNCTION consent_times(
    student bigint, for_purpose smallint, profile text
) RETURNS tstzmultirange LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE
        WHEN profile = 'eu' THEN '{}'
        WHEN profile = 'demo' THEN '{(,)}'
        ELSE coalesce(range_agg(c.valid) FILTER (WHERE c.granted AND c.granted_by = ANY(CASE
            WHEN profile = 'uk' THEN ARRAY['guardian', 'both']
            WHEN profile LIKE 'us%' THEN ARRAY['guardian', 'student', 'both', 'school_basis']
            ELSE ARRAY['guardian', 'student', 'both']
        END)), '{}')
    END - coalesce(range_agg(c.valid) FILTER (WHERE NOT c.granted), '{}')
    FROM consents AS c
    WHERE c.student_id = student AND c.purpose = for_purpose
$$;
COMMENT ON FUNCTION consent_times IS
    'When a student may be linked for a purpose under a profile';

CREATE FUNCTION consent_holds(
    student bigint, for_purpose smallint, profile text, at timestamptz
) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT consent_times(student, for_purpose, profile) @> at
$$;
COMMENT ON FUNCTION consent_holds IS
    'Whether a student may be linked for a purpose under a profile at a time';

CREATE FUNCTION is_rostered(student bigint) RETURNS boolean LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM vault.identities AS i WHERE i.student_id = student)
        OR EXISTS (SELECT FROM enrolments AS e WHERE e.student_id = student)
$$;
COMMENT ON FUNCTION is_rostered IS 'Whether a student is a person of a roster, not only a seat';

CREATE FUNCTION seats_were_sure(meeting bigint) RETURNS boolean LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM rooms AS r
        WHERE r.room_id = ms.room_id AND r.seats_confirmed_at <= ms.meeting_start
        UNION ALL
        SELECT FROM events AS e
        WHERE e.kind = 'seats_confirmed' AND e.room_id = ms.room_id AND e.ts <= ms.meeting_start
    ) AND 200 * ms.ambiguous_s <= (
        SELECT coalesce(sum(p.present_s), 0) FROM participation_summaries AS p
        WHERE p.meeting_id = ms.meeting_id AND p.meeting_start = ms.meeting_start
          AND p.score_version = ms.score_version
    )
    FROM meeting_summaries AS ms JOIN meetings AS m USING (meeting_id)
    WHERE ms.meeting_id = meeting AND ms.score_version = m.score_version
$$;
COMMENT ON FUNCTION seats_were_sure IS
    'The gate of figures of single students: seats confirmed, in doubt for at most 0.5 %';

CREATE FUNCTION require_site(slug text) RETURNS smallint LANGUAGE plpgsql STABLE
SET search_path = public, pg_temp AS $$
DECLARE
    number smallint;
BEGIN
    SELECT s.site_id INTO number FROM sites AS s WHERE s.slug = require_site.slug;
    IF number IS NULL THEN
        RAISE EXCEPTION 'there is no site %', coalesce(slug, 'without a name')
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN number;
END
$$;

CREATE FUNCTION student_lessons(number bigint, since date, until date) RETURNS TABLE (
    lesson_id bigint, local_date date, local_start timestamp, site text, room text, class text,
    attention numeric, attention_early numeric, attention_late numeric, baseline numeric,
    coverage numeric, confidence numeric, observed_s integer, score_version smallint, why_none text
) LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT p.meeting_id, (p.meeting_start AT TIME ZONE s.tz)::date, p.meeting_start AT TIME ZONE s.tz,
           s.slug, r.slug, c.slug,
           CASE WHEN why.none IS NULL THEN round(p.score / 100.0, 2) END,
           CASE WHEN why.none IS NULL THEN round(p.score_first25 / 100.0, 2) END,
           CASE WHEN why.none IS NULL THEN round(p.score_after25 / 100.0, 2) END,
           CASE WHEN why.none IS NULL THEN round(p.baseline / 100.0, 2) END,
           round(p.coverage / 1000.0, 3), round(p.confidence / 1000.0, 3), p.observed_s,
           p.score_version, why.none
    FROM participation_summaries AS p
    JOIN meetings AS m ON m.meeting_id = p.meeting_id AND m.score_version = p.score_version
    JOIN sites AS s ON s.site_id = p.site_id
    JOIN rooms AS r ON r.room_id = m.room_id
    LEFT JOIN classes AS c ON c.class_id = p.class_id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN NOT coalesce(seats_were_sure(p.meeting_id), false) THEN 'seats not confirmed or in doubt'
        WHEN p.score IS NULL THEN 'too little was seen'
        WHEN p.confidence < 350 THEN 'seen too poorly'
    END AS none) AS why
    WHERE p.student_id = number AND s.per_student
      AND p.meeting_start >= since::timestamp AT TIME ZONE s.tz
      AND p.meeting_start < (until + 1)::timestamp AT TIME ZONE s.tz
      AND (NOT is_rostered(number)
           OR consent_holds(number, 2::smallint, s.policy_profile, p.meeting_start))
$$;

CREATE FUNCTION student_history(pseudonym uuid, since date, until date, reason text) RETURNS TABLE (
    lesson_id bigint, local_date date, local_start timestamp, site text, room text, class text,
    attention numeric, attention_early numeric, attention_late numeric, baseline numeric,
    coverage numeric, confidence numeric, observed_s integer, score_version smallint, why_none text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number bigint;
    n integer;
BEGIN
    SELECT st.student_id INTO number FROM students AS st
    WHERE st.pseudonym = student_history.pseudonym AND st.erased_at IS NULL;
    RETURN QUERY SELECT * FROM student_lessons(number, since, until) AS l
    ORDER BY l.local_start, l.lesson_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM audit_append('history', 'student', student_digest(student_history.pseudonym), reason, n);
END
$$;
COMMENT ON FUNCTION student_history IS
    'One student''s lessons between two local days, both included; needs a reason, writes the audit';

CREATE FUNCTION student_drops(site text, week date, reason text) RETURNS TABLE (
    pseudonym uuid, class text, attention numeric, baseline numeric, drop_percent numeric,
    lessons bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number smallint := require_site(site);
    monday date := date_trunc('week', week)::date;
    n integer;
BEGIN
    -- aggregator.baselines.DROPS: 20 % and 10 points below the own baseline in 3 lessons or more.
    -- Lessons are judged once each, and consent of those only of whom a lesson lies that low.
    RETURN QUERY
    WITH sure AS MATERIALIZED (
        SELECT ms.meeting_id, ms.score_version
        FROM meeting_summaries AS ms
        JOIN meetings AS m ON m.meeting_id = ms.meeting_id AND m.score_version = ms.score_version
        JOIN sites AS s ON s.site_id = ms.site_id
        WHERE ms.site_id = number AND s.per_student
          AND ms.meeting_start >= monday::timestamp AT TIME ZONE s.tz
          AND ms.meeting_start < (monday + 7)::timestamp AT TIME ZONE s.tz
          AND seats_were_sure(ms.meeting_id)
    ), seen AS MATERIALIZED (
        SELECT p.*, max(p.baseline) OVER own AS highest, min(p.score) OVER own AS lowest
        FROM participation_summaries AS p
        JOIN sure ON sure.meeting_id = p.meeting_id AND sure.score_version = p.score_version
        WHERE p.site_id = number AND p.student_id IS NOT NULL
          AND p.meeting_start >= monday::timestamp AT TIME ZONE 'UTC' - interval '1 day'
          AND p.meeting_start < monday::timestamp AT TIME ZONE 'UTC' + interval '8 days'
          AND p.score IS NOT NULL AND p.baseline > 0 AND p.coverage >= 500 AND p.confidence >= 350
        WINDOW own AS (PARTITION BY p.student_id, p.class_id, p.score_version)
    ), low AS MATERIALIZED (
        SELECT l.student_id, is_rostered(l.student_id) AS rostered
        FROM (SELECT DISTINCT seen.student_id FROM seen WHERE lowest <= 0.8 * highest) AS l
    )
    SELECT st.pseudonym, c.slug, round(avg(p.score) / 100, 2),
           round(max(p.baseline) / 100.0, 2), round(100 * (1 - avg(p.score) / max(p.baseline)), 1),
           count(*)
    FROM seen AS p
    JOIN low ON low.student_id = p.student_id
    JOIN sites AS s ON s.site_id = p.site_id
    JOIN students AS st ON st.student_id = p.student_id
    LEFT JOIN classes AS c ON c.class_id = p.class_id
    WHERE NOT low.rostered
       OR consent_holds(p.student_id, 2::smallint, s.policy_profile, p.meeting_start)
    GROUP BY st.pseudonym, p.student_id, c.slug, p.class_id, p.score_version
    HAVING count(*) >= 3 AND max(p.baseline) - avg(p.score) >= 0.2 * max(p.baseline)
       AND max(p.baseline) - avg(p.score) >= 1000
    ORDER BY 5 DESC, 1;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM audit_append('drops', 'site', student_drops.site, reason, n);
END
$$;
COMMENT ON FUNCTION student_drops IS
    'Students of a site far below their own baseline in the week of a day; needs a reason, writes the audit';

CREATE FUNCTION class_students(site text, class text, reason text) RETURNS TABLE (
    pseudonym uuid, room text, seat text, rostered boolean, lessons bigint, last_lesson date
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number smallint := require_site(site);
    class_number integer;
    n integer;
BEGIN
    SELECT c.class_id INTO class_number FROM classes AS c
    WHERE c.site_id = number AND c.slug = class_students.class;
    IF class_number IS NULL THEN
        RAISE EXCEPTION 'there is no class % in site %', class, site
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN QUERY
    WITH sat AS (
        SELECT p.student_id, count(*) AS held, max(p.meeting_start) AS last_start,
               (array_agg(p.participation_id ORDER BY p.meeting_start DESC))[1] AS last_one
        FROM participation_summaries AS p
        JOIN meetings AS m ON m.meeting_id = p.meeting_id AND m.score_version = p.score_version
        WHERE p.class_id = class_number AND p.student_id IS NOT NULL
          AND p.meeting_start >= clock_timestamp() - interval '60 days'
        GROUP BY p.student_id
    ), seated AS (
        SELECT se.student_id, se.seat_id FROM seating AS se
        WHERE se.class_id = class_number AND se.valid @> clock_timestamp()
    )
    SELECT st.pseudonym, r.slug, e.label, is_rostered(st.student_id), coalesce(sat.held, 0),
           (sat.last_start AT TIME ZONE s.tz)::date
    FROM students AS st
    JOIN sites AS s ON s.site_id = st.site_id
    LEFT JOIN sat ON sat.student_id = st.student_id
    LEFT JOIN seated ON seated.student_id = st.student_id
    LEFT JOIN participations AS pa ON pa.participation_id = sat.last_one
    LEFT JOIN seats AS e ON e.seat_id = coalesce(seated.seat_id, pa.seat_id)
    LEFT JOIN rooms AS r ON r.room_id = e.room_id
    WHERE st.site_id = number AND s.per_student AND st.erased_at IS NULL
      AND (sat.student_id IS NOT NULL OR seated.student_id IS NOT NULL)
      AND (NOT is_rostered(st.student_id)
           OR consent_holds(st.student_id, 2::smallint, s.policy_profile, clock_timestamp()))
    ORDER BY r.slug, e.label, st.pseudonym;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM audit_append('class', 'class', class_students.site || '/' || class_students.class,
                         reason, n);
END
$$;
COMMENT ON FUNCTION class_students IS
    'Pseudonyms of a class and their seats, of the last 60 days; needs a reason, writes the audit';

CREATE FUNCTION consent_gaps(site text, reason text) RETURNS TABLE (
    pseudonym uuid, lesson_id bigint, local_date date, policy_profile text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number smallint := require_site(site);
    n integer;
BEGIN
    RETURN QUERY
    WITH people AS (
        SELECT st.student_id, st.pseudonym
        FROM students AS st
        WHERE st.site_id = number AND is_rostered(st.student_id)
    ),
    permitted AS MATERIALIZED (  -- once a student and profile, not once a lesson
        SELECT q.student_id, q.pseudonym, x.profile,
            consent_times(q.student_id, 2::smallint, x.profile) AS times
        FROM people AS q
        CROSS JOIN (
            SELECT DISTINCT m.policy_profile FROM meetings AS m WHERE m.site_id = number
        ) AS x (profile)
    )
    SELECT t.pseudonym, p.meeting_id, (p.meeting_start AT TIME ZONE s.tz)::date, m.policy_profile
    FROM permitted AS t
    JOIN participation_summaries AS p ON p.student_id = t.student_id AND p.site_id = number
    JOIN meetings AS m
        ON m.meeting_id = p.meeting_id AND m.score_version = p.score_version
        AND m.policy_profile = t.profile
    JOIN sites AS s ON s.site_id = p.site_id
    WHERE NOT t.times @> p.meeting_start
    ORDER BY p.meeting_start, t.pseudonym;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM audit_append('consent gaps', 'site', consent_gaps.site, reason, n);
END
$$;
COMMENT ON FUNCTION consent_gaps IS
    'Lessons linked to a rostered student without consent; must be none. Needs a reason, writes the audit';

REVOKE EXECUTE ON FUNCTION
    consent_times(bigint, smallint, text), consent_holds(bigint, smallint, text, timestamptz),
    is_rostered(bigint), seats_were_sure(bigint),
    require_site(text), student_lessons(bigint, date, date),
    student_history(uuid, date, date, text), student_drops(text, date, text),
    class_students(text, text, text), consent_gaps(text, text) FROM PUBLIC;
