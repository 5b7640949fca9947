-- Figures of groups of students: never of one.
--
-- They rest on rows of single students, so they exist only where policy has such rows, and only
-- for at least greatest(sites.k, 1) different students. A calendar of the school's weeks drives
-- them: a filter by local_week reads that week's rows by index, in that month's partition.

-- How many students of a class fell below their own baseline in a week.
CREATE VIEW v_student_weeks WITH (security_barrier) AS
SELECT
    t.slug AS site,
    c.slug AS class,
    c.title AS class_title,
    w.monday::date AS local_week,
    g.students::int AS students,
    g.below::int AS students_below_baseline,
    round(g.quarter[1]::numeric * 0.01, 2) AS attention_p25,
    round(g.quarter[2]::numeric * 0.01, 2) AS attention_p50,
    round(g.quarter[3]::numeric * 0.01, 2) AS attention_p75,
    (
        SELECT count(*)
        FROM meeting_summaries AS s
        WHERE s.class_id = g.class_id
            AND NOT s.rescored
            AND s.meeting_start >= w.monday AT TIME ZONE t.tz
            AND s.meeting_start < (w.monday + interval '7 days') AT TIME ZONE t.tz
    )::int AS lessons
FROM sites AS t
CROSS JOIN LATERAL (
    SELECT min(s.meeting_start) AS first, max(s.meeting_start) AS last
    FROM meeting_summaries AS s
    WHERE s.site_id = t.site_id
) AS b
CROSS JOIN LATERAL generate_series(
    date_trunc('week', b.first AT TIME ZONE t.tz), b.last AT TIME ZONE t.tz, interval '7 days'
) AS w (monday)
CROSS JOIN LATERAL (
    SELECT
        one.class_id,
        count(*) AS students,
        count(*) FILTER (
            WHERE one.valid >= 3
                AND one.valid_mean < 0.8 * one.baseline
                AND one.baseline - one.valid_mean >= 1000
        ) AS below,
        percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY one.mean) AS quarter
    FROM (
        SELECT
            p.class_id,
            avg(p.score) AS mean,
            max(p.baseline) AS baseline,
            count(*) FILTER (WHERE p.coverage >= 500 AND p.confidence >= 350) AS valid,
            avg(p.score) FILTER (WHERE p.coverage >= 500 AND p.confidence >= 350) AS valid_mean
        FROM participation_summaries AS p
        WHERE p.site_id = t.site_id
            AND NOT p.rescored
            AND p.meeting_start >= w.monday AT TIME ZONE t.tz
            AND p.meeting_start < (w.monday + interval '7 days') AT TIME ZONE t.tz
            AND p.student_id IS NOT NULL
            AND p.score IS NOT NULL
        GROUP BY p.class_id, p.student_id
    ) AS one
    GROUP BY one.class_id
    HAVING count(*) >= greatest(t.k, 1)
) AS g
JOIN classes AS c ON c.class_id = g.class_id
WHERE t.per_student;

COMMENT ON VIEW v_student_weeks IS
    'A class in a week: how its students spread, and how many fell below their own baseline; groups '
    'only, where policy keeps figures of single students and enough of them were scored';
COMMENT ON COLUMN v_student_weeks.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_student_weeks.class IS 'Short name of the class';
COMMENT ON COLUMN v_student_weeks.class_title IS 'Title of the class';
COMMENT ON COLUMN v_student_weeks.local_week IS
    'Monday of the week at the school; filter by it: only that week''s rows are read';
COMMENT ON COLUMN v_student_weeks.students IS 'Different students with a score in this week';
COMMENT ON COLUMN v_student_weeks.students_below_baseline IS
    'Of these, students whose week was 20 % and 10 points below their own baseline, over three '
    'lessons or more with good evidence';
COMMENT ON COLUMN v_student_weeks.attention_p25 IS 'A quarter of the students had a mean below this, 0 to 100';
COMMENT ON COLUMN v_student_weeks.attention_p50 IS 'Half of the students had a mean below this, 0 to 100';
COMMENT ON COLUMN v_student_weeks.attention_p75 IS 'Three quarters of the students had a mean below this, 0 to 100';
COMMENT ON COLUMN v_student_weeks.lessons IS 'Lessons that the class was held in this week';

-- Attention by row of seats.
CREATE VIEW v_seat_rows WITH (security_barrier) AS
SELECT
    t.slug AS site,
    r.slug AS room,
    g.seat_row,
    w.first_day::date AS local_month,
    round(g.mean * 0.01, 2) AS attention,
    g.participations::int AS participations,
    g.students::int AS students
FROM sites AS t
CROSS JOIN LATERAL (
    SELECT min(s.meeting_start) AS first, max(s.meeting_start) AS last
    FROM meeting_summaries AS s
    WHERE s.site_id = t.site_id
) AS b
CROSS JOIN LATERAL generate_series(
    date_trunc('month', b.first AT TIME ZONE t.tz), b.last AT TIME ZONE t.tz, interval '1 month'
) AS w (first_day)
CROSS JOIN LATERAL (
    SELECT
        e.room_id,
        coalesce(substring(e.label FROM '^[A-Za-z]+'), left(e.label, 1)) AS seat_row,
        avg(p.score) AS mean,
        count(*) AS participations,
        -- a seat without a student may have had many: it counts as one
        count(DISTINCT coalesce(p.student_id, e.seat_id)) AS students
    FROM participation_summaries AS p
    JOIN participations AS q ON q.participation_id = p.participation_id
    JOIN seats AS e ON e.seat_id = q.seat_id
    WHERE p.site_id = t.site_id
        AND NOT p.rescored
        AND p.meeting_start >= w.first_day AT TIME ZONE t.tz
        AND p.meeting_start < (w.first_day + interval '1 month') AT TIME ZONE t.tz
        AND p.score IS NOT NULL
    GROUP BY 1, 2
    HAVING count(*) >= 5 AND count(DISTINCT coalesce(p.student_id, e.seat_id)) >= greatest(t.k, 1)
) AS g
JOIN rooms AS r ON r.room_id = g.room_id
WHERE t.per_student;

COMMENT ON VIEW v_seat_rows IS
    'Attention by row of seats, room and month: whether the back rows differ from the front; groups '
    'only, as v_student_weeks';
COMMENT ON COLUMN v_seat_rows.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_seat_rows.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_seat_rows.seat_row IS 'Row of seats: the letters with which the seats'' names begin';
COMMENT ON COLUMN v_seat_rows.local_month IS
    'First day of the month at the school; filter by it: only that month''s rows are read';
COMMENT ON COLUMN v_seat_rows.attention IS 'Mean of the students'' lessons, 0 to 100';
COMMENT ON COLUMN v_seat_rows.participations IS 'Lessons of students behind the mean, five or more';
COMMENT ON COLUMN v_seat_rows.students IS 'Different students behind the mean';

-- Expressions of a class in a lesson.
CREATE VIEW v_expressions WITH (security_barrier) AS
SELECT
    s.meeting_id AS lesson_id,
    t.slug AS site,
    r.slug AS room,
    c.slug AS class,
    s.meeting_start AS started_at,
    s.meeting_start AT TIME ZONE t.tz AS local_start,
    x.expression,
    round((x.p / g.n_obs)::numeric, 4) AS share,
    g.students::int AS students,
    g.minutes::int AS minutes,
    g.model_version
FROM meeting_summaries AS s
JOIN sites AS t ON t.site_id = s.site_id
JOIN rooms AS r ON r.room_id = s.room_id
LEFT JOIN classes AS c ON c.class_id = s.class_id
CROSS JOIN LATERAL (
    SELECT
        e.model_version,
        sum(e.n_obs) AS n_obs,
        count(DISTINCT e.participation_id) AS students,
        count(DISTINCT e.minute) AS minutes,
        ARRAY[
            sum(e.p_sum[1]::float8), sum(e.p_sum[2]::float8), sum(e.p_sum[3]::float8),
            sum(e.p_sum[4]::float8), sum(e.p_sum[5]::float8), sum(e.p_sum[6]::float8),
            sum(e.p_sum[7]::float8)
        ] AS p
    FROM participations AS q
    JOIN expression_minutes AS e ON e.participation_id = q.participation_id
    WHERE q.meeting_id = s.meeting_id
        AND e.minute >= s.meeting_start - interval '1 hour'
        AND e.minute < s.meeting_start + interval '1 day'
        AND e.n_obs > 0
    GROUP BY e.model_version
    HAVING count(DISTINCT e.participation_id) >= greatest(t.k, 1)
) AS g
-- in the order of schemas.messages.EXPRESSIONS
CROSS JOIN LATERAL unnest(
    ARRAY['surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'], g.p
) AS x (expression, p)
WHERE t.expression AND NOT s.rescored;

COMMENT ON VIEW v_expressions IS
    'Facial expressions of a class over a lesson, only where policy permits and enough students were '
    'seen: what a face looked like to a network, not what anybody felt; never part of attention';
COMMENT ON COLUMN v_expressions.lesson_id IS 'Number of the lesson; the same in every view';
COMMENT ON COLUMN v_expressions.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_expressions.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_expressions.class IS 'Short name of the class; NULL: the timetable names none';
COMMENT ON COLUMN v_expressions.started_at IS
    'When the lesson began; filter by it: ranges of it are found by an index';
COMMENT ON COLUMN v_expressions.local_start IS 'The same in the time zone of the school';
COMMENT ON COLUMN v_expressions.expression IS
    'surprise, fear, disgust, happiness, sadness, anger or neutral';
COMMENT ON COLUMN v_expressions.share IS
    'Mean probability of it over all observed seconds, 0 to 1; the seven sum to 1';
COMMENT ON COLUMN v_expressions.students IS 'Different students behind the figure';
COMMENT ON COLUMN v_expressions.minutes IS 'Minutes of the lesson behind the figure';
COMMENT ON COLUMN v_expressions.model_version IS 'Network that measured the expressions';
