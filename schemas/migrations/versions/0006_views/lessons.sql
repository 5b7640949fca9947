-- Lessons, their minutes, and what is not reported.
--
-- Every view is a security barrier: a filter of the reader never runs on rows that a view hides.
-- Figures of a group are NULL where fewer students were scored than sites.k.

-- One row for each lesson and score version.
CREATE VIEW v_lesson_versions WITH (security_barrier) AS
SELECT
    s.meeting_id AS lesson_id,
    t.slug AS site,
    t.name AS site_name,
    r.slug AS room,
    r.name AS room_name,
    c.slug AS class,
    c.title AS class_title,
    m.policy_profile,
    s.score_version,
    NOT s.rescored AS is_held_version,
    s.meeting_start AS started_at,
    l.local_start,
    l.local_start::date AS local_date,
    date_trunc('week', l.local_start)::date AS local_week,
    date_part('isodow', l.local_start)::int AS weekday,
    date_part('hour', l.local_start)::int AS local_hour,
    round(extract(epoch FROM upper(m.actual) - lower(m.actual)) / 60)::int AS minutes,
    CASE WHEN g.shown THEN s.score_mean * 0.01 END AS attention,
    CASE WHEN g.shown THEN s.score_early * 0.01 END AS attention_early,
    CASE WHEN g.shown THEN s.score_late * 0.01 END AS attention_late,
    CASE WHEN g.shown THEN (s.score_early - s.score_late) * 0.01 END AS lost_points,
    CASE WHEN g.shown THEN s.slope_c10 * 0.01 END AS points_per_10_min,
    CASE WHEN g.shown THEN s.synchrony * 0.001 END AS synchrony,
    s.coverage * 0.001 AS coverage,
    s.n_present::int AS students_present,
    s.n_scored::int AS students_scored,
    s.n_enrolled::int AS students_enrolled,
    s.camera_down_s,
    s.calibration_stale,
    s.ambiguous_s AS seat_doubt_s,
    g.shown AS reported,
    w.reason,
    CASE w.reason
        WHEN 'ok' THEN 'reported'
        WHEN 'small_group' THEN 'fewer students were scored than the smallest group that may be shown'
        WHEN 'low_coverage' THEN 'too little of the lesson was seen'
        WHEN 'too_few_scored' THEN 'too few of the students could be scored'
        WHEN 'too_short' THEN 'shorter than five minutes'
        WHEN 'nobody' THEN 'nobody was seen'
        WHEN 'camera_down' THEN 'the cameras were down for more than half of the lesson'
        ELSE w.reason
    END AS reason_words,
    s.face_px::int AS face_px,
    s.model_version
FROM meeting_summaries AS s
JOIN sites AS t ON t.site_id = s.site_id
-- joined only where the reader asks for one of their columns
LEFT JOIN meetings AS m ON m.meeting_id = s.meeting_id
LEFT JOIN rooms AS r ON r.room_id = s.room_id
LEFT JOIN classes AS c ON c.class_id = s.class_id
CROSS JOIN LATERAL (SELECT s.meeting_start AT TIME ZONE t.tz AS local_start) AS l
CROSS JOIN LATERAL (
    SELECT s.quality = 'ok' AND s.score_mean IS NOT NULL AND s.n_scored >= t.k AS shown
) AS g
CROSS JOIN LATERAL (
    SELECT CASE WHEN s.quality = 'ok' AND NOT g.shown THEN 'small_group' ELSE s.quality END AS reason
) AS w;

COMMENT ON VIEW v_lesson_versions IS
    'One row for each lesson and score version: the same lesson under an older and a newer formula';
COMMENT ON COLUMN v_lesson_versions.lesson_id IS 'Number of the lesson; the same in every view';
COMMENT ON COLUMN v_lesson_versions.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_lesson_versions.site_name IS 'Name of the school';
COMMENT ON COLUMN v_lesson_versions.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_lesson_versions.room_name IS 'Name of the room';
COMMENT ON COLUMN v_lesson_versions.class IS 'Short name of the class; NULL: the timetable names none';
COMMENT ON COLUMN v_lesson_versions.class_title IS 'Title of the class';
COMMENT ON COLUMN v_lesson_versions.policy_profile IS 'Policy profile under which the lesson was held';
COMMENT ON COLUMN v_lesson_versions.score_version IS 'Version of the formula; see v_score_versions';
COMMENT ON COLUMN v_lesson_versions.is_held_version IS
    'Whether this is the version under which the lesson was held; others were computed later';
COMMENT ON COLUMN v_lesson_versions.started_at IS
    'When the lesson began; filter by it: ranges of it are found by an index';
COMMENT ON COLUMN v_lesson_versions.local_start IS 'The same in the time zone of the school';
COMMENT ON COLUMN v_lesson_versions.local_date IS 'Day of the lesson at the school';
COMMENT ON COLUMN v_lesson_versions.local_week IS 'Monday of that week';
COMMENT ON COLUMN v_lesson_versions.weekday IS 'Day of the week: 1 is Monday, 7 is Sunday';
COMMENT ON COLUMN v_lesson_versions.local_hour IS 'Hour of the day in which the lesson began, 0 to 23';
COMMENT ON COLUMN v_lesson_versions.minutes IS 'Length of the lesson in minutes, as it was held';
COMMENT ON COLUMN v_lesson_versions.attention IS
    'Visual orientation index of the class, 0 to 100: share of observed time in which head direction '
    'and eye opening fit the activity; NULL unless reported';
COMMENT ON COLUMN v_lesson_versions.attention_early IS
    'Median of the class minutes 5 to 25; NULL with fewer than 10 valid minutes, or unless reported';
COMMENT ON COLUMN v_lesson_versions.attention_late IS
    'Median of the class minutes from 25 on, without the last two; NULL as attention_early';
COMMENT ON COLUMN v_lesson_versions.lost_points IS
    'attention_early less attention_late; a lesson that lost 8 or more has lost its class';
COMMENT ON COLUMN v_lesson_versions.points_per_10_min IS
    'Slope of the class minutes: points gained (+) or lost (-) in ten minutes';
COMMENT ON COLUMN v_lesson_versions.synchrony IS
    '0 to 1: whether students look to the front, or elsewhere, all together (1) or by halves (0)';
COMMENT ON COLUMN v_lesson_versions.coverage IS
    'Share of the students'' time that was observed, 0 to 1; the rest is not known';
COMMENT ON COLUMN v_lesson_versions.students_present IS 'Students who were seen to be present';
COMMENT ON COLUMN v_lesson_versions.students_scored IS 'Students with enough evidence for a score';
COMMENT ON COLUMN v_lesson_versions.students_enrolled IS 'Students on the roster; 0: none is known';
COMMENT ON COLUMN v_lesson_versions.camera_down_s IS 'Seconds in which the room had no working camera';
COMMENT ON COLUMN v_lesson_versions.calibration_stale IS
    'Whether directions to the front were doubtful: a camera or a seat has moved';
COMMENT ON COLUMN v_lesson_versions.seat_doubt_s IS
    'Seconds of students in which it was not certain who sat in a seat';
COMMENT ON COLUMN v_lesson_versions.reported IS 'Whether attention is shown';
COMMENT ON COLUMN v_lesson_versions.reason IS
    'ok, or why not: low_coverage, too_few_scored, too_short, nobody, camera_down, small_group';
COMMENT ON COLUMN v_lesson_versions.reason_words IS 'The reason as a sentence';
COMMENT ON COLUMN v_lesson_versions.face_px IS 'Median height of a face in pixels; small ones are measured worse';
COMMENT ON COLUMN v_lesson_versions.model_version IS 'Networks that measured the faces';

-- One row for each lesson.
CREATE VIEW v_lessons WITH (security_barrier) AS
SELECT
    lesson_id, site, site_name, room, room_name, class, class_title, policy_profile, score_version,
    started_at, local_start, local_date, local_week, weekday, local_hour, minutes,
    attention, attention_early, attention_late, lost_points, points_per_10_min, synchrony, coverage,
    students_present, students_scored, students_enrolled, camera_down_s, calibration_stale,
    seat_doubt_s, reported, reason, reason_words, face_px, model_version
FROM v_lesson_versions
WHERE is_held_version;

COMMENT ON VIEW v_lessons IS
    'One row for each lesson, under the score version it was held under: start here';

-- Lessons whose figures must not be used, and why.
CREATE VIEW v_lessons_not_reported WITH (security_barrier) AS
SELECT
    lesson_id, site, room, class, started_at, local_start, local_date, reason, reason_words, coverage,
    camera_down_s, calibration_stale, students_present, students_scored
FROM v_lessons
WHERE NOT reported;

COMMENT ON VIEW v_lessons_not_reported IS
    'Lessons that were held and are not reported, each with its reason';

-- Both say the same as v_lesson_versions about the columns that they share.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT v.oid::regclass AS view, a.attname AS name, col_description(f.attrelid, f.attnum) AS words
        FROM pg_class AS v
        JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
        JOIN pg_attribute AS f
            ON f.attrelid = 'v_lesson_versions'::regclass AND f.attname = a.attname
        WHERE v.oid IN ('v_lessons'::regclass, 'v_lessons_not_reported'::regclass)
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', one.view, one.name, one.words);
    END LOOP;
END
$$;

-- Lessons of the timetable that are over and left nothing.
CREATE VIEW v_lessons_without_data WITH (security_barrier) AS
SELECT
    m.meeting_id AS lesson_id,
    t.slug AS site,
    r.slug AS room,
    c.slug AS class,
    c.title AS class_title,
    lower(m.planned) AS planned_start_at,
    upper(m.planned) AS planned_end_at,
    lower(m.planned) AT TIME ZONE t.tz AS local_start,
    (lower(m.planned) AT TIME ZONE t.tz)::date AS local_date,
    m.status
FROM meetings AS m
JOIN sites AS t ON t.site_id = m.site_id
JOIN rooms AS r ON r.room_id = m.room_id
LEFT JOIN classes AS c ON c.class_id = m.class_id
WHERE m.status <> 'cancelled'
    AND upper(m.planned) < now()
    AND NOT EXISTS (SELECT FROM meeting_summaries AS s WHERE s.meeting_id = m.meeting_id);

COMMENT ON VIEW v_lessons_without_data IS
    'Planned lessons that are over and of which nothing is known, not even why';
COMMENT ON COLUMN v_lessons_without_data.lesson_id IS 'Number of the lesson; the same in every view';
COMMENT ON COLUMN v_lessons_without_data.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_lessons_without_data.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_lessons_without_data.class IS 'Short name of the class; NULL: the timetable names none';
COMMENT ON COLUMN v_lessons_without_data.class_title IS 'Title of the class';
COMMENT ON COLUMN v_lessons_without_data.planned_start_at IS
    'When it was to begin; filter by it: ranges of it are found by an index';
COMMENT ON COLUMN v_lessons_without_data.planned_end_at IS 'When it was to end';
COMMENT ON COLUMN v_lessons_without_data.local_start IS 'When it was to begin, in the time zone of the school';
COMMENT ON COLUMN v_lessons_without_data.local_date IS 'Day of the lesson at the school';
COMMENT ON COLUMN v_lessons_without_data.status IS 'planned: never begun; running: begun, not closed';

-- The minutes of a class.
CREATE VIEW v_lesson_minutes WITH (security_barrier) AS
SELECT
    x.meeting_id AS lesson_id,
    t.slug AS site,
    r.slug AS room,
    c.slug AS class,
    x.minute AS minute_at,
    x.minute AT TIME ZONE t.tz AS local_minute,
    x.minute_no::int AS minute_no,
    CASE WHEN x.n_scored >= t.k THEN x.score_mean * 0.01 END AS attention,
    CASE WHEN x.n_scored >= t.k THEN x.score_p10 * 0.01 END AS attention_p10,
    CASE WHEN x.n_scored >= t.k THEN x.score_p50 * 0.01 END AS attention_p50,
    CASE WHEN x.n_scored >= t.k THEN x.synchrony * 0.001 END AS synchrony,
    x.n_exp::int AS students_present,
    x.n_scored::int AS students_scored,
    x.coverage * 0.001 AS coverage
FROM meeting_minutes AS x
JOIN sites AS t ON t.site_id = x.site_id
-- joined only where the reader asks for one of their columns
LEFT JOIN rooms AS r ON r.room_id = x.room_id
LEFT JOIN meetings AS m ON m.meeting_id = x.meeting_id
LEFT JOIN classes AS c ON c.class_id = m.class_id
WHERE NOT x.rescored;

COMMENT ON VIEW v_lesson_minutes IS
    'The minutes of every lesson, under the score version it was held under';
COMMENT ON COLUMN v_lesson_minutes.lesson_id IS 'Number of the lesson; the same in every view';
COMMENT ON COLUMN v_lesson_minutes.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_lesson_minutes.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_lesson_minutes.class IS 'Short name of the class; NULL: the timetable names none';
COMMENT ON COLUMN v_lesson_minutes.minute_at IS
    'When the minute began; filter by it: only the months that it names are read';
COMMENT ON COLUMN v_lesson_minutes.local_minute IS 'The same in the time zone of the school';
COMMENT ON COLUMN v_lesson_minutes.minute_no IS 'Minute of the lesson; 0 is the first';
COMMENT ON COLUMN v_lesson_minutes.attention IS
    'Visual orientation index of the class in this minute, 0 to 100; NULL: too few students scored';
COMMENT ON COLUMN v_lesson_minutes.attention_p10 IS 'One student in ten was below this';
COMMENT ON COLUMN v_lesson_minutes.attention_p50 IS 'Half of the students were below this';
COMMENT ON COLUMN v_lesson_minutes.synchrony IS
    '0 to 1: whether students look to the front, or elsewhere, all together (1) or by halves (0)';
COMMENT ON COLUMN v_lesson_minutes.students_present IS 'Students who were present in this minute';
COMMENT ON COLUMN v_lesson_minutes.students_scored IS 'Students with enough evidence in this minute';
COMMENT ON COLUMN v_lesson_minutes.coverage IS
    'Share of the students'' time that was observed, 0 to 1; the rest is not known';

-- How attention runs through the lessons of a day.
CREATE VIEW v_site_curves WITH (security_barrier) AS
SELECT
    t.slug AS site,
    x.day AS local_date,
    x.minute_no::int AS minute_no,
    x.score_version,
    CASE WHEN x.n_scored >= greatest(t.k, 1) THEN round(x.sum_score / 100.0 / x.n_scored, 2) END
        AS attention,
    x.n_scored AS student_minutes,
    x.n_lessons AS lessons
FROM site_day_curves AS x
JOIN sites AS t ON t.site_id = x.site_id;

COMMENT ON VIEW v_site_curves IS
    'The minute-of-lesson curve of each day of a school, over its reported lessons; for several days '
    'take sum(attention * student_minutes) / sum(student_minutes), one score version at a time';
COMMENT ON COLUMN v_site_curves.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_site_curves.local_date IS 'Day at the school on which the lessons began';
COMMENT ON COLUMN v_site_curves.minute_no IS 'Minute of the lesson; 0 is the first';
COMMENT ON COLUMN v_site_curves.score_version IS 'Version of the formula; see v_score_versions';
COMMENT ON COLUMN v_site_curves.attention IS
    'Mean over all students scored in this minute of their lessons, 0 to 100; NULL: too few';
COMMENT ON COLUMN v_site_curves.student_minutes IS 'Students scored, over these lessons: the weight';
COMMENT ON COLUMN v_site_curves.lessons IS 'Lessons behind the figure';

-- The formulas.
CREATE VIEW v_score_versions WITH (security_barrier) AS
SELECT score_version, name, params AS parameters, code_version, effective_from AS effective_at
FROM score_versions;

COMMENT ON VIEW v_score_versions IS 'Formula and constants behind each score; a version never changes';
COMMENT ON COLUMN v_score_versions.score_version IS 'Number that stands beside every figure';
COMMENT ON COLUMN v_score_versions.name IS 'Name of the formula';
COMMENT ON COLUMN v_score_versions.parameters IS 'Its constants, as JSON';
COMMENT ON COLUMN v_score_versions.code_version IS 'Program that computed it first';
COMMENT ON COLUMN v_score_versions.effective_at IS 'Since when lessons may be held under it';
