-- Cameras, rooms and what keeps the measurements honest.

-- A camera on a day: only the minutes in which a lesson was planned, or held without a plan.
-- A calendar of the school's days drives it, so that a filter by local_date reads that day's rows.
CREATE VIEW v_camera_days WITH (security_barrier) AS
WITH heard AS MATERIALIZED (
    -- between the first and last minute that is kept; before, nothing is known
    SELECT k.camera_id, k.site_id, k.room_id, k.slug, k.enabled, h.first, h.last
    FROM cameras AS k
    CROSS JOIN LATERAL (
        SELECT min(x.minute) AS first, max(x.minute) AS last
        FROM camera_minutes AS x
        WHERE x.camera_id = k.camera_id
    ) AS h
    WHERE h.first IS NOT NULL
)
SELECT
    t.slug AS site,
    r.slug AS room,
    k.slug AS camera,
    d.day::date AS local_date,
    sum(l.minutes)::int AS planned_minutes,
    sum(l.minutes - g.up)::int AS down_minutes,
    round(sum(g.up)::numeric / nullif(sum(l.minutes), 0), 4) AS uptime,
    sum(g.frames_expected)::bigint AS frames_expected,
    sum(g.frames_analysed)::bigint AS frames_analysed,
    round(sum(g.dropped)::numeric / nullif(sum(g.sampled), 0), 4) AS dropped_share,
    sum(g.frozen_s)::int AS frozen_s,
    sum(g.reconnects)::int AS reconnects,
    max(g.worst_gap_ms) AS worst_gap_ms,
    max(g.latency_p99_ms) AS latency_p99_ms
FROM sites AS t
CROSS JOIN LATERAL (
    SELECT min(heard.first) AS first, now() - interval '5 minutes' AS last
    FROM heard
    WHERE heard.site_id = t.site_id
) AS b
CROSS JOIN LATERAL generate_series(
    date_trunc('day', b.first AT TIME ZONE t.tz), b.last AT TIME ZONE t.tz, interval '1 day'
) AS d (day)
CROSS JOIN LATERAL (
    SELECT
        during.room_id,
        date_trunc('minute', during.first) AS first,
        floor(
            extract(epoch FROM least(during.last, b.last) - date_trunc('minute', during.first)) / 60
        )::int AS minutes
    FROM (
        SELECT m.room_id, lower(m.planned) AS first, upper(m.planned) AS last
        FROM meetings AS m
        WHERE m.site_id = t.site_id
            AND lower(m.planned) >= d.day AT TIME ZONE t.tz
            AND lower(m.planned) < (d.day + interval '1 day') AT TIME ZONE t.tz
            AND m.status <> 'cancelled'
        UNION ALL
        SELECT m.room_id, lower(m.actual), upper(m.actual)
        FROM meeting_summaries AS s
        JOIN meetings AS m ON m.meeting_id = s.meeting_id
        WHERE s.site_id = t.site_id
            AND NOT s.rescored
            AND s.meeting_start >= d.day AT TIME ZONE t.tz
            AND s.meeting_start < (d.day + interval '1 day') AT TIME ZONE t.tz
            AND m.planned IS NULL
    ) AS during
    WHERE during.first < b.last - interval '1 minute'
) AS l
JOIN heard AS k
    ON k.room_id = l.room_id
    AND l.first >= date_trunc('minute', k.first)
    AND (k.enabled OR l.first <= k.last)
JOIN rooms AS r ON r.room_id = l.room_id
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.frames_ok >= 0.5 * x.frames_exp) AS up,
        coalesce(sum(x.frames_exp), 0) AS frames_expected,
        coalesce(sum(x.frames_analysed), 0) AS frames_analysed,
        sum(x.frames_published + x.frames_refused) AS sampled,
        sum(
            x.frames_expired + x.frames_dead + x.frames_lost + x.frames_refused + x.frames_late
        ) AS dropped,
        coalesce(sum(x.frozen_s), 0) AS frozen_s,
        coalesce(sum(x.reconnects), 0) AS reconnects,
        max(x.max_gap_ms) AS worst_gap_ms,
        max(x.lat_p99_ms) AS latency_p99_ms
    FROM camera_minutes AS x
    WHERE x.camera_id = k.camera_id
        AND x.minute >= l.first
        AND x.minute < l.first + l.minutes * interval '1 minute'
) AS g
GROUP BY t.slug, r.slug, k.slug, d.day;

COMMENT ON VIEW v_camera_days IS
    'A camera on a day, only in the minutes of lessons, and since it was first heard of in the minutes '
    'that are kept';
COMMENT ON COLUMN v_camera_days.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_camera_days.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_camera_days.camera IS 'Short name of the camera, as in the site file';
COMMENT ON COLUMN v_camera_days.local_date IS
    'Day at the school; filter by it: only that day''s rows are read';
COMMENT ON COLUMN v_camera_days.planned_minutes IS
    'Minutes of lessons in the room: planned ones, and those held without a plan';
COMMENT ON COLUMN v_camera_days.down_minutes IS
    'Of these, minutes in which fewer than half of the expected frames were analysed in time';
COMMENT ON COLUMN v_camera_days.uptime IS 'Share of the planned minutes that were not down, 0 to 1';
COMMENT ON COLUMN v_camera_days.frames_expected IS 'Frames that were to be analysed, by the clock';
COMMENT ON COLUMN v_camera_days.frames_analysed IS 'Frames that were analysed';
COMMENT ON COLUMN v_camera_days.dropped_share IS
    'Share of the sampled frames that were lost behind the camera, 0 to 1: expired, damaged, lost, '
    'refused or too late; NULL: none was sampled';
COMMENT ON COLUMN v_camera_days.frozen_s IS 'Seconds in which the picture stood still';
COMMENT ON COLUMN v_camera_days.reconnects IS 'Connections, or attempts at one, that ended';
COMMENT ON COLUMN v_camera_days.worst_gap_ms IS 'Longest time between two frames, milliseconds';
COMMENT ON COLUMN v_camera_days.latency_p99_ms IS
    'Worst minute''s 99th percentile from capture to analysed, milliseconds';

-- The same by room.
CREATE VIEW v_room_days WITH (security_barrier) AS
SELECT
    site,
    room,
    local_date,
    count(*)::int AS cameras,
    sum(planned_minutes)::int AS planned_minutes,
    sum(down_minutes)::int AS down_minutes,
    round(1 - sum(down_minutes)::numeric / nullif(sum(planned_minutes), 0), 4) AS uptime,
    sum(frames_expected)::bigint AS frames_expected,
    sum(frames_analysed)::bigint AS frames_analysed,
    sum(frozen_s)::int AS frozen_s,
    sum(reconnects)::int AS reconnects,
    max(worst_gap_ms) AS worst_gap_ms,
    max(latency_p99_ms) AS latency_p99_ms
FROM v_camera_days
GROUP BY site, room, local_date;

COMMENT ON VIEW v_room_days IS 'The cameras of a room on a day, together';
COMMENT ON COLUMN v_room_days.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_room_days.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_room_days.local_date IS
    'Day at the school; filter by it: only that day''s rows are read';
COMMENT ON COLUMN v_room_days.cameras IS 'Cameras of the room that count';
COMMENT ON COLUMN v_room_days.planned_minutes IS 'Minutes of lessons, once for each camera';
COMMENT ON COLUMN v_room_days.down_minutes IS
    'Of these, minutes in which fewer than half of the expected frames were analysed in time';
COMMENT ON COLUMN v_room_days.uptime IS 'Share of the planned minutes that were not down, 0 to 1';
COMMENT ON COLUMN v_room_days.frames_expected IS 'Frames that were to be analysed, by the clock';
COMMENT ON COLUMN v_room_days.frames_analysed IS 'Frames that were analysed';
COMMENT ON COLUMN v_room_days.frozen_s IS 'Seconds in which a picture stood still';
COMMENT ON COLUMN v_room_days.reconnects IS 'Connections, or attempts at one, that ended';
COMMENT ON COLUMN v_room_days.worst_gap_ms IS 'Longest time between two frames, milliseconds';
COMMENT ON COLUMN v_room_days.latency_p99_ms IS
    'Worst minute''s 99th percentile from capture to analysed, milliseconds';

-- Whether several cameras of a room see the same students.
CREATE VIEW v_two_cameras WITH (security_barrier) AS
SELECT
    s.meeting_id AS lesson_id,
    t.slug AS site,
    r.slug AS room,
    s.meeting_start AS started_at,
    s.meeting_start AT TIME ZONE t.tz AS local_start,
    round(g.several::numeric / g.windows, 4) AS share,
    g.windows::int AS windows
FROM meeting_summaries AS s
JOIN sites AS t ON t.site_id = s.site_id
JOIN rooms AS r ON r.room_id = s.room_id
CROSS JOIN LATERAL (
    -- one student after the other: counting different ones would sort all of their windows
    SELECT sum(one.windows) AS windows, sum(one.several) AS several
    FROM participations AS q
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS windows,
            count(*) FILTER (WHERE x.cam_mask & (x.cam_mask - 1) <> 0) AS several
        FROM attention_windows AS x
        WHERE x.participation_id = q.participation_id
            AND x.score_version = s.score_version
            AND x.window_start >= s.meeting_start - interval '1 hour'
            AND x.window_start < s.meeting_start + interval '1 day'
    ) AS one
    WHERE q.meeting_id = s.meeting_id AND one.windows > 0
    HAVING count(*) >= greatest(t.k, 1)
) AS g
WHERE t.per_student AND NOT s.rescored;

COMMENT ON VIEW v_two_cameras IS
    'Share of a lesson''s windows in which two cameras or more saw the student: whether the cameras of '
    'a room complete each other; only as long as windows are kept';
COMMENT ON COLUMN v_two_cameras.lesson_id IS 'Number of the lesson; the same in every view';
COMMENT ON COLUMN v_two_cameras.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_two_cameras.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_two_cameras.started_at IS
    'When the lesson began; filter by it: ranges of it are found by an index';
COMMENT ON COLUMN v_two_cameras.local_start IS 'The same in the time zone of the school';
COMMENT ON COLUMN v_two_cameras.share IS 'Share of the windows with two cameras or more, 0 to 1';
COMMENT ON COLUMN v_two_cameras.windows IS 'Ten-second windows of students behind the share';

-- How the direction to the front moved from one calibration to the next.
CREATE VIEW v_calibration_moves WITH (security_barrier) AS
SELECT
    t.slug AS site,
    r.slug AS room,
    k.slug AS camera,
    e.label AS seat,
    x.since,
    x.since AT TIME ZONE t.tz AS local_since,
    round(x.yaw - 360 * round(x.yaw / 360), 2) AS yaw_change_deg,
    round(x.pitch, 2) AS pitch_change_deg
FROM (
    SELECT
        b.camera_id,
        b.seat_id,
        lower(b.valid) AS since,
        (b.yaw_deg - lag(b.yaw_deg) OVER place)::numeric AS yaw,
        (b.pitch_deg - lag(b.pitch_deg) OVER place)::numeric AS pitch
    FROM calibrations AS b
    WINDOW place AS (PARTITION BY b.camera_id, b.seat_id ORDER BY lower(b.valid))
) AS x
JOIN cameras AS k ON k.camera_id = x.camera_id
JOIN rooms AS r ON r.room_id = k.room_id
JOIN sites AS t ON t.site_id = k.site_id
LEFT JOIN seats AS e ON e.seat_id = x.seat_id
WHERE x.yaw IS NOT NULL;

COMMENT ON VIEW v_calibration_moves IS
    'Changes of the direction to the front, one row each: more than 8 degrees mean that a camera or a '
    'seat was moved';
COMMENT ON COLUMN v_calibration_moves.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_calibration_moves.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_calibration_moves.camera IS 'Short name of the camera, as in the site file';
COMMENT ON COLUMN v_calibration_moves.seat IS 'Name of the seat; NULL: the whole camera';
COMMENT ON COLUMN v_calibration_moves.since IS 'From when on the new direction holds';
COMMENT ON COLUMN v_calibration_moves.local_since IS 'The same in the time zone of the school';
COMMENT ON COLUMN v_calibration_moves.yaw_change_deg IS
    'How far the front moved to the side, degrees; + is to the right of the picture';
COMMENT ON COLUMN v_calibration_moves.pitch_change_deg IS
    'How far the front moved up (+) or down (-), degrees';

-- What people should know.
CREATE VIEW v_events WITH (security_barrier) AS
SELECT
    x.ts AS at,
    x.ts AT TIME ZONE t.tz AS local_at,
    t.slug AS site,
    r.slug AS room,
    k.slug AS camera,
    x.meeting_id AS lesson_id,
    x.kind,
    x.severity::int AS severity,
    -- a seat of one lesson is one student
    x.payload - ARRAY['seat', 'seats', 'student', 'students', 'pseudonym'] AS details
FROM events AS x
LEFT JOIN sites AS t ON t.site_id = x.site_id
LEFT JOIN rooms AS r ON r.room_id = x.room_id
LEFT JOIN cameras AS k ON k.camera_id = x.camera_id;

COMMENT ON VIEW v_events IS 'What people should know: cameras that were moved, seats that changed';
COMMENT ON COLUMN v_events.at IS 'When it happened; filter by it: only the months that it names are read';
COMMENT ON COLUMN v_events.local_at IS 'The same in the time zone of the school';
COMMENT ON COLUMN v_events.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_events.room IS 'Short name of the room, as in the site file';
COMMENT ON COLUMN v_events.camera IS 'Short name of the camera; NULL: not about one';
COMMENT ON COLUMN v_events.lesson_id IS 'The lesson in which it happened; NULL: outside of one';
COMMENT ON COLUMN v_events.kind IS 'What happened, in one word';
COMMENT ON COLUMN v_events.severity IS '1 to know, 2 to look at, 3 to act on';
COMMENT ON COLUMN v_events.details IS 'Figures of it, as JSON; never whose seat it was';
