-- A year of a district, made straight in the database: `facepose bench history`.
--
-- Statements begin with a line `-- name: …`. Numbers are by hash, so that every run makes the same
-- rows: pg_catalog.hashint8 of an id, cut into classes by the remainder.

-- name: orgs
INSERT INTO orgs (org_id, slug, name, policy_profile) VALUES (1, 'district', 'District', 'standard');

-- name: sites
INSERT INTO sites (site_id, org_id, slug, name, tz, policy_profile, per_student, expression, k)
SELECT i, 1, 'site-' || i, 'School ' || i, 'Europe/Amsterdam', 'standard', true, false, 5
FROM generate_series(1, :sites) AS i;

-- name: rooms
INSERT INTO rooms (room_id, site_id, slug, name, capacity)
SELECT i, (i - 1) / :rooms_a_site + 1, 'room-' || i, 'Room ' || i, :students
FROM generate_series(1, :rooms) AS i;

-- name: cameras
INSERT INTO cameras (camera_id, site_id, room_id, slug, name, secret_ref, fps_target, mask_bit)
SELECT room_id, site_id, room_id, 'camera-' || room_id, 'Camera', '', 5, 0 FROM rooms;

-- name: seats
INSERT INTO seats (seat_id, room_id, label)
SELECT (room_id - 1) * :students + s, room_id, chr(65 + (s - 1) / 6) || ((s - 1) % 6 + 1)
FROM rooms, generate_series(1, :students) AS s;

-- name: classes
INSERT INTO classes (class_id, site_id, slug, title)
SELECT room_id, site_id, 'class-' || room_id, 'Class ' || room_id FROM rooms;

-- name: students
INSERT INTO students (student_id, site_id, pseudonym)
SELECT seat_id, site_id, md5(seat_id::text)::uuid FROM seats JOIN rooms USING (room_id);

-- name: consents
INSERT INTO consents (student_id, purpose, granted, granted_by, notice_version, valid)
SELECT student_id, 2, true, 'guardian', '1', tstzrange(:first_at, NULL) FROM students;

-- name: calibrations
INSERT INTO calibrations (camera_id, method, source, yaw_deg, pitch_deg, factor, valid)
SELECT camera_id, 'camera_mode', 'measured', abs(hashint8(camera_id * 7 + n)) % 20,
       -abs(hashint8(camera_id * 5 + n)) % 12, 0.8,
       tstzrange(:first_at + n * interval '60 days', :first_at + (n + 1) * interval '60 days')
FROM cameras, generate_series(0, 4) AS n;

-- name: meetings
INSERT INTO meetings (
    meeting_id, room_id, site_id, class_id, planned, actual, status, policy_profile, identity_mode,
    source_key
)
SELECT (:number * 10000 + room_id) * 10 + hour, room_id, site_id, room_id,
       tstzrange(at.begin, at.begin + interval '60 minutes'),
       tstzrange(at.begin, at.begin + interval '60 minutes'),
       'held', 'standard', 1, 'site:lesson-' || hour || ':' || :day
FROM generate_series(0, 7) AS hour
CROSS JOIN LATERAL (
    SELECT (CAST(:day AS date) + (8 + hour) * interval '1 hour') AT TIME ZONE 'Europe/Amsterdam'
) AS at (begin)
CROSS JOIN rooms;

-- name: meeting_summaries
INSERT INTO meeting_summaries (
    meeting_id, score_version, meeting_start, site_id, room_id, class_id, score_mean, score_early,
    score_late, slope_c10, synchrony, coverage, n_enrolled, n_present, n_scored, camera_down_s,
    quality, face_px, model_version
)
SELECT meeting_id, 1, lower(planned), site_id, room_id, class_id,
       CASE WHEN is_ok THEN mean END, CASE WHEN is_ok THEN mean + h % 700 END,
       CASE WHEN is_ok THEN mean - h % 900 END, CASE WHEN is_ok THEN -(h % 300) END,
       CASE WHEN is_ok THEN 300 + h % 500 END, CASE WHEN is_ok THEN 850 + h % 150 ELSE 200 END,
       :students, :students - h % 3, CASE WHEN is_ok THEN :students - h % 3 ELSE 0 END,
       CASE WHEN is_ok THEN 0 ELSE 2400 END, CASE WHEN is_ok THEN 'ok' ELSE 'camera_down' END,
       60 + h % 30, 'bench'
FROM (
    SELECT *, h % 25 > 0 AS is_ok,
           6500 + h % 1500 - 40 * (meeting_id % 10) AS mean
    FROM (SELECT *, abs(hashint8(meeting_id)::bigint) AS h FROM meetings
          WHERE lower(planned) >= :begin AND lower(planned) < :end) AS m
) AS m;

-- name: meeting_minutes
INSERT INTO meeting_minutes (
    minute, meeting_id, site_id, room_id, minute_no, score_version, score_mean, score_p10,
    score_p50, synchrony, n_exp, n_scored, coverage
)
SELECT meeting_start + n * interval '1 minute', meeting_id, site_id, room_id, n, 1,
       score_mean + 400 - 15 * n + (h % 13 - 6) * n, score_mean - 2500, score_mean + 200,
       synchrony, n_present, n_scored, coverage
FROM (SELECT *, abs(hashint8(meeting_id)::bigint) AS h FROM meeting_summaries
      WHERE meeting_start >= :begin AND meeting_start < :end) AS m,
     generate_series(0, 59) AS n;

-- name: participations
INSERT INTO participations (
    participation_id, meeting_id, student_id, anon_no, seat_id, identity_source, identity_conf,
    present
)
SELECT meeting_id * 100 + s, meeting_id, (room_id - 1) * :students + s, s,
       (room_id - 1) * :students + s, 'seat', 1, tstzmultirange(planned)
FROM meetings, generate_series(1, :students) AS s
WHERE lower(planned) >= :begin AND lower(planned) < :end AND site_id <= :sites_in_full;

-- name: participation_summaries
INSERT INTO participation_summaries (
    meeting_start, participation_id, meeting_id, student_id, site_id, class_id, score_version,
    score, score_lo, score_hi, score_first25, score_after25, baseline, baseline_mad, coverage,
    confidence, present_s, observed_s, low_s, low_events, face_px, model_version
)
SELECT meeting_start, meeting_id * 100 + s, meeting_id, (room_id - 1) * :students + s, site_id,
       class_id, 1, score, coalesce(score - 400, 0), coalesce(score + 400, 10000), score + 200,
       score - 200,
       8000 - 60 * s, 350, coverage, 700, 3540, 3400, 300, 2, face_px, 'bench'
FROM (
    -- one student in ten has a bad week
    SELECT m.*, s, score_mean + 900 - 60 * s
        - CASE WHEN hashint8(date_part('week', meeting_start)::bigint * 100000 + room_id * 100 + s)
                    % 10 = 0 THEN 2000 ELSE 0 END AS score
    FROM meeting_summaries AS m, generate_series(1, :students) AS s
    WHERE meeting_start >= :begin AND meeting_start < :end AND site_id <= :sites_in_full
) AS m;

-- name: camera_minutes
INSERT INTO camera_minutes (
    minute, camera_id, frames_exp, frames_published, frames_analysed, frames_expired, frames_dead,
    frames_lost, frames_refused, down_s, reconnects, max_gap_ms, lat_p50_ms, lat_p99_ms, faces
)
SELECT minute, room_id, 300, seen, seen, 0, 0, 0, 0, CASE WHEN seen = 0 THEN 60 ELSE 0 END, 0,
       250, 180, 420, :students
FROM (
    SELECT minute, room_id, CASE WHEN n_scored = 0 AND minute_no < 40 THEN 0 ELSE 300 END AS seen
    FROM meeting_minutes
    WHERE minute >= :begin AND minute < :end AND site_id <= :sites_in_full
) AS m;

-- name: attention_windows
INSERT INTO attention_windows (
    window_start, participation_id, meeting_id, room_id, cam_mask, window_s, score_version, score,
    sum_x, n_obs, n_exp, confidence, n_front, n_desk_recent, n_desk_stale, n_peer, n_away, n_noface,
    eye_valid, eye_closed, yaw_med_cd, pitch_med_cd, motion_cd, face_px, missing_reason, state
)
SELECT meeting_start + n * interval '10 seconds', meeting_id * 100 + s, meeting_id, room_id, 1, 10,
       1, 6000 + (n + s) % 3000, 60000, 10, 10, 800, 6, 1, 1, 1, 1, 0, 9, 1, 120, -300, 90, 70, 0, 2
FROM meeting_summaries, generate_series(1, :students) AS s, generate_series(0, 359) AS n
WHERE meeting_start >= :begin AND meeting_start < :end AND site_id = 1;

-- name: attention_minutes
INSERT INTO attention_minutes (
    minute, participation_id, meeting_id, score_version, sum_x, n_obs, n_exp, confidence, state
)
SELECT meeting_start + n * interval '1 minute', meeting_id * 100 + s, meeting_id, 1, 360000, 58, 60,
       800, 2
FROM meeting_summaries, generate_series(1, :students) AS s, generate_series(0, 59) AS n
WHERE meeting_start >= :begin AND meeting_start < :end AND site_id = 1;

-- name: events
INSERT INTO events (ts, event_id, kind, severity, site_id, room_id, payload)
SELECT lower(planned) + interval '5 minutes', meeting_id, 'seat_change', 1, site_id, room_id, '{}'
FROM meetings
WHERE lower(planned) >= :begin AND lower(planned) < :end AND hashint8(meeting_id) % 20 = 0;
