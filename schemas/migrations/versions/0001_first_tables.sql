-- The tables that the first version writes. No extension is needed: scalars in an exclusion
-- constraint are ranges of one element, int8range(x, x, '[]') WITH &&.
-- A released migration never changes: schemas/tables says what holds today.

-- reference ---------------------------------------------------------------------------------
CREATE TABLE orgs (
  org_id integer NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  policy_profile text NOT NULL,
  CONSTRAINT orgs_pkey PRIMARY KEY (org_id),
  CONSTRAINT orgs_slug_key UNIQUE (slug)
);
COMMENT ON TABLE orgs IS 'Who answers for one or more sites; today one for each site file';

CREATE TABLE sites (
  site_id smallint NOT NULL,
  org_id integer NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  tz text NOT NULL,
  policy_profile text,
  per_student boolean NOT NULL,
  expression boolean NOT NULL,
  k smallint NOT NULL,
  CONSTRAINT sites_pkey PRIMARY KEY (site_id),
  CONSTRAINT sites_slug_key UNIQUE (slug),
  CONSTRAINT sites_org_id_fkey FOREIGN KEY(org_id) REFERENCES orgs (org_id)
);
COMMENT ON TABLE sites IS 'A school: one site file';

CREATE TABLE rooms (
  room_id integer NOT NULL,
  site_id smallint NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  capacity smallint,
  enabled boolean DEFAULT true NOT NULL,
  CONSTRAINT rooms_pkey PRIMARY KEY (room_id),
  CONSTRAINT rooms_site_id_slug_key UNIQUE (site_id, slug),
  CONSTRAINT rooms_site_id_fkey FOREIGN KEY(site_id) REFERENCES sites (site_id)
);
COMMENT ON TABLE rooms IS 'Rooms of a site';

CREATE TABLE cameras (
  camera_id integer NOT NULL,
  site_id smallint NOT NULL,
  room_id integer NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  secret_ref text NOT NULL,
  width smallint,
  height smallint,
  fps_target real NOT NULL,
  mask_bit smallint NOT NULL,
  enabled boolean DEFAULT true NOT NULL,
  CONSTRAINT cameras_pkey PRIMARY KEY (camera_id),
  CONSTRAINT cameras_site_id_slug_key UNIQUE (site_id, slug),
  CONSTRAINT cameras_room_id_mask_bit_key UNIQUE (room_id, mask_bit),
  CONSTRAINT cameras_mask_bit_check CHECK (mask_bit BETWEEN 0 AND 30),
  CONSTRAINT cameras_site_id_fkey FOREIGN KEY(site_id) REFERENCES sites (site_id),
  CONSTRAINT cameras_room_id_fkey FOREIGN KEY(room_id) REFERENCES rooms (room_id)
);
COMMENT ON TABLE cameras IS 'Cameras, and films that are played as cameras';

CREATE TABLE seats (
  seat_id integer NOT NULL,
  room_id integer NOT NULL,
  label text NOT NULL,
  enabled boolean DEFAULT true NOT NULL,
  CONSTRAINT seats_pkey PRIMARY KEY (seat_id),
  CONSTRAINT seats_room_id_label_key UNIQUE (room_id, label),
  CONSTRAINT seats_room_id_fkey FOREIGN KEY(room_id) REFERENCES rooms (room_id)
);
COMMENT ON TABLE seats IS 'Seats of a room';

CREATE TABLE seat_regions (
  camera_id integer NOT NULL,
  seat_id integer NOT NULL,
  polygon jsonb NOT NULL,
  priority smallint DEFAULT 1 NOT NULL,
  valid tstzrange NOT NULL,
  CONSTRAINT seat_regions_valid_excl EXCLUDE USING gist (int8range(camera_id, camera_id, '[]') WITH &&, int8range(seat_id, seat_id, '[]') WITH &&, valid WITH &&),
  CONSTRAINT seat_regions_camera_id_fkey FOREIGN KEY(camera_id) REFERENCES cameras (camera_id),
  CONSTRAINT seat_regions_seat_id_fkey FOREIGN KEY(seat_id) REFERENCES seats (seat_id)
);
COMMENT ON TABLE seat_regions IS 'Where a camera sees a seat, and when that held';

CREATE TABLE calibrations (
  calibration_id bigint GENERATED ALWAYS AS IDENTITY,
  camera_id integer NOT NULL,
  seat_id integer,
  method text NOT NULL,
  yaw_deg real NOT NULL,
  pitch_deg real NOT NULL,
  mode_mass real,
  n_samples integer,
  factor real NOT NULL,
  valid tstzrange NOT NULL,
  CONSTRAINT calibrations_pkey PRIMARY KEY (calibration_id),
  CONSTRAINT calibrations_method_check CHECK (method IN ('manual', 'geometric', 'modal_seat', 'plane_fit', 'camera_mode')),
  CONSTRAINT calibrations_valid_excl EXCLUDE USING gist (int8range(camera_id, camera_id, '[]') WITH &&, int8range(COALESCE(seat_id, 0), COALESCE(seat_id, 0), '[]') WITH &&, valid WITH &&),
  CONSTRAINT calibrations_camera_id_fkey FOREIGN KEY(camera_id) REFERENCES cameras (camera_id),
  CONSTRAINT calibrations_seat_id_fkey FOREIGN KEY(seat_id) REFERENCES seats (seat_id)
);
COMMENT ON TABLE calibrations IS 'The head direction towards the front, per camera or seat, and when that held';

CREATE TABLE classes (
  class_id integer NOT NULL,
  site_id smallint NOT NULL,
  slug text NOT NULL,
  sourced_id text,
  title text NOT NULL,
  term text,
  enabled boolean DEFAULT true NOT NULL,
  CONSTRAINT classes_pkey PRIMARY KEY (class_id),
  CONSTRAINT classes_site_id_slug_key UNIQUE (site_id, slug),
  CONSTRAINT classes_site_id_fkey FOREIGN KEY(site_id) REFERENCES sites (site_id)
);
COMMENT ON TABLE classes IS 'Groups that the timetable names; no names of people';

CREATE TABLE score_versions (
  score_version smallint NOT NULL,
  name text NOT NULL,
  params jsonb NOT NULL,
  params_sha256 text NOT NULL,
  code_version text NOT NULL,
  effective_from timestamptz NOT NULL,
  CONSTRAINT score_versions_pkey PRIMARY KEY (score_version)
);
COMMENT ON TABLE score_versions IS 'Formula and constants behind each score; a version never changes';

-- meetings ----------------------------------------------------------------------------------
CREATE TABLE meetings (
  meeting_id bigint NOT NULL,
  room_id integer NOT NULL,
  site_id smallint NOT NULL,
  class_id integer,
  planned tstzrange,
  actual tstzrange,
  status text DEFAULT 'planned' NOT NULL,
  ical_uid text,
  recurrence_id timestamptz,
  policy_profile text NOT NULL,
  identity_mode smallint NOT NULL,
  source_key text NOT NULL,
  CONSTRAINT meetings_pkey PRIMARY KEY (meeting_id),
  CONSTRAINT meetings_room_id_source_key_key UNIQUE (room_id, source_key),
  CONSTRAINT meetings_planned_excl EXCLUDE USING gist (int8range(room_id, room_id, '[]') WITH &&, planned WITH &&) WHERE (status <> 'cancelled'),
  CONSTRAINT meetings_room_id_fkey FOREIGN KEY(room_id) REFERENCES rooms (room_id),
  CONSTRAINT meetings_site_id_fkey FOREIGN KEY(site_id) REFERENCES sites (site_id),
  CONSTRAINT meetings_class_id_fkey FOREIGN KEY(class_id) REFERENCES classes (class_id)
);
COMMENT ON TABLE meetings IS 'Lessons, from the timetable or opened by presence';
CREATE INDEX meetings_class_id_planned_idx ON meetings (class_id, lower(planned));
CREATE INDEX meetings_site_id_planned_idx ON meetings (site_id, lower(planned));

CREATE TABLE participations (
  participation_id bigint NOT NULL,
  meeting_id bigint NOT NULL,
  student_id integer,
  anon_no smallint NOT NULL,
  seat_id integer,
  identity_source text NOT NULL,
  identity_conf real DEFAULT 0 NOT NULL,
  present tstzmultirange,
  CONSTRAINT participations_pkey PRIMARY KEY (participation_id),
  CONSTRAINT participations_meeting_id_anon_no_key UNIQUE (meeting_id, anon_no),
  CONSTRAINT participations_identity_source_check CHECK (identity_source IN ('anonymous', 'seat', 'seat_confirmed', 'template', 'seat+template', 'manual')),
  CONSTRAINT participations_meeting_id_fkey FOREIGN KEY(meeting_id) REFERENCES meetings (meeting_id) ON DELETE CASCADE,
  CONSTRAINT participations_seat_id_fkey FOREIGN KEY(seat_id) REFERENCES seats (seat_id)
);
COMMENT ON TABLE participations IS 'One student, known by seat or number, in one meeting';
CREATE UNIQUE INDEX participations_meeting_id_student_id_key ON participations (meeting_id, student_id) WHERE student_id IS NOT NULL;
CREATE INDEX participations_student_id_meeting_id_idx ON participations (student_id, meeting_id);

-- measurements ------------------------------------------------------------------------------
CREATE TABLE attention_windows (
  window_start timestamptz NOT NULL,
  participation_id bigint NOT NULL,
  meeting_id bigint NOT NULL,
  room_id integer NOT NULL,
  cam_mask integer NOT NULL,
  window_s smallint NOT NULL,
  score_version smallint NOT NULL,
  score smallint,
  sum_x integer NOT NULL,
  n_obs smallint NOT NULL,
  n_exp smallint NOT NULL,
  confidence smallint NOT NULL,
  n_front smallint NOT NULL,
  n_desk_recent smallint NOT NULL,
  n_desk_stale smallint NOT NULL,
  n_peer smallint NOT NULL,
  n_away smallint NOT NULL,
  n_noface smallint NOT NULL,
  eye_valid smallint NOT NULL,
  eye_closed smallint NOT NULL,
  yaw_med_cd smallint,
  pitch_med_cd smallint,
  motion_cd smallint,
  face_px smallint,
  missing_reason smallint NOT NULL,
  state smallint NOT NULL,
  CONSTRAINT attention_windows_pkey PRIMARY KEY (participation_id, window_start, score_version),
  CONSTRAINT attention_windows_score_check CHECK (score BETWEEN 0 AND 10000),
  CONSTRAINT attention_windows_n_obs_check CHECK (n_obs <= n_exp)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE attention_windows IS '10 s windows of one student: the unit of storage, not of display';
CREATE INDEX attention_windows_window_start_idx ON attention_windows USING brin (window_start) WITH (pages_per_range = 32);

CREATE TABLE attention_minutes (
  minute timestamptz NOT NULL,
  participation_id bigint NOT NULL,
  meeting_id bigint NOT NULL,
  score_version smallint NOT NULL,
  sum_x integer NOT NULL,
  n_obs smallint NOT NULL,
  n_exp smallint NOT NULL,
  confidence smallint NOT NULL,
  state smallint NOT NULL,
  direction_hist bytea,
  CONSTRAINT attention_minutes_pkey PRIMARY KEY (participation_id, minute, score_version)
) PARTITION BY RANGE (minute);
COMMENT ON TABLE attention_minutes IS 'Minutes of one student: sums, never means of means';

CREATE TABLE expression_minutes (
  minute timestamptz NOT NULL,
  participation_id bigint NOT NULL,
  meeting_id bigint NOT NULL,
  model_version text NOT NULL,
  n_obs smallint NOT NULL,
  p_sum real[] NOT NULL,
  CONSTRAINT expression_minutes_pkey PRIMARY KEY (participation_id, minute, model_version),
  CONSTRAINT expression_minutes_p_sum_check CHECK (cardinality(p_sum) = 7)
) PARTITION BY RANGE (minute);
COMMENT ON TABLE expression_minutes IS 'Expressions, only where policy permits; never an input of a score';

CREATE TABLE meeting_minutes (
  minute timestamptz NOT NULL,
  meeting_id bigint NOT NULL,
  site_id smallint NOT NULL,
  room_id integer NOT NULL,
  minute_no smallint NOT NULL,
  score_version smallint NOT NULL,
  score_mean smallint,
  score_p10 smallint,
  score_p50 smallint,
  synchrony smallint,
  n_exp smallint NOT NULL,
  n_scored smallint NOT NULL,
  coverage smallint NOT NULL,
  CONSTRAINT meeting_minutes_pkey PRIMARY KEY (meeting_id, minute, score_version)
) PARTITION BY RANGE (minute);
COMMENT ON TABLE meeting_minutes IS 'Minutes of a class';
CREATE INDEX meeting_minutes_site_id_minute_idx ON meeting_minutes (site_id, minute);

CREATE TABLE participation_summaries (
  meeting_start timestamptz NOT NULL,
  participation_id bigint NOT NULL,
  meeting_id bigint NOT NULL,
  student_id integer,
  site_id smallint NOT NULL,
  class_id integer,
  score_version smallint NOT NULL,
  score smallint,
  score_lo smallint NOT NULL,
  score_hi smallint NOT NULL,
  score_first25 smallint,
  score_after25 smallint,
  baseline smallint,
  baseline_mad smallint,
  coverage smallint NOT NULL,
  confidence smallint NOT NULL,
  present_s integer NOT NULL,
  observed_s integer NOT NULL,
  low_s integer NOT NULL,
  low_events smallint NOT NULL,
  face_px smallint,
  model_version text,
  CONSTRAINT participation_summaries_pkey PRIMARY KEY (participation_id, meeting_start, score_version)
) PARTITION BY RANGE (meeting_start);
COMMENT ON TABLE participation_summaries IS 'One student in one lesson';
CREATE INDEX participation_summaries_meeting_id_idx ON participation_summaries (meeting_id);
CREATE INDEX participation_summaries_site_id_meeting_start_idx ON participation_summaries (site_id, meeting_start);
CREATE INDEX participation_summaries_student_id_meeting_start_idx ON participation_summaries (student_id, meeting_start);

CREATE TABLE meeting_summaries (
  meeting_id bigint NOT NULL,
  score_version smallint NOT NULL,
  meeting_start timestamptz NOT NULL,
  site_id smallint NOT NULL,
  room_id integer NOT NULL,
  class_id integer,
  score_mean smallint,
  score_early smallint,
  score_late smallint,
  slope_c10 smallint,
  synchrony smallint,
  coverage smallint NOT NULL,
  n_enrolled smallint NOT NULL,
  n_present smallint NOT NULL,
  n_scored smallint NOT NULL,
  camera_down_s integer NOT NULL,
  calibration_stale boolean DEFAULT false NOT NULL,
  quality text NOT NULL,
  face_px smallint,
  model_version text,
  CONSTRAINT meeting_summaries_pkey PRIMARY KEY (meeting_id, score_version),
  CONSTRAINT meeting_summaries_meeting_id_fkey FOREIGN KEY(meeting_id) REFERENCES meetings (meeting_id) ON DELETE CASCADE,
  CONSTRAINT meeting_summaries_score_version_fkey FOREIGN KEY(score_version) REFERENCES score_versions (score_version)
);
COMMENT ON TABLE meeting_summaries IS 'One lesson';
CREATE INDEX meeting_summaries_class_id_meeting_start_idx ON meeting_summaries (class_id, meeting_start);
CREATE INDEX meeting_summaries_meeting_start_idx ON meeting_summaries (meeting_start);
CREATE INDEX meeting_summaries_site_id_meeting_start_idx ON meeting_summaries (site_id, meeting_start);

-- operations --------------------------------------------------------------------------------
CREATE TABLE camera_minutes (
  minute timestamptz NOT NULL,
  camera_id integer NOT NULL,
  frames_exp integer NOT NULL,
  frames_published integer NOT NULL,
  frames_analysed integer NOT NULL,
  frames_expired integer NOT NULL,
  frames_dead integer NOT NULL,
  frames_lost integer NOT NULL,
  frames_refused integer NOT NULL,
  frames_late integer DEFAULT 0 NOT NULL,
  frames_ok integer GENERATED ALWAYS AS (frames_analysed - frames_late) STORED NOT NULL,
  down_s smallint DEFAULT 0 NOT NULL,
  reconnects smallint NOT NULL,
  max_gap_ms integer NOT NULL,
  lat_p50_ms integer,
  lat_p99_ms integer,
  clock_offset_ms integer,
  faces real,
  CONSTRAINT camera_minutes_pkey PRIMARY KEY (camera_id, minute)
) PARTITION BY RANGE (minute);
COMMENT ON TABLE camera_minutes IS 'Every frame of a camera, accounted for';

CREATE TABLE room_state (
  room_id integer NOT NULL,
  run_id text DEFAULT '' NOT NULL,
  position text NOT NULL,
  snapshot bytea NOT NULL,
  snapshot_version smallint NOT NULL,
  CONSTRAINT room_state_pkey PRIMARY KEY (room_id, run_id),
  CONSTRAINT room_state_room_id_fkey FOREIGN KEY(room_id) REFERENCES rooms (room_id)
);
COMMENT ON TABLE room_state IS 'Committed in one transaction with the rows that it explains';

CREATE TABLE room_leases (
  room_id integer NOT NULL,
  run_id text DEFAULT '' NOT NULL,
  holder text,
  fence bigint DEFAULT 0 NOT NULL,
  until timestamptz DEFAULT to_timestamp(0) NOT NULL,
  CONSTRAINT room_leases_pkey PRIMARY KEY (room_id, run_id),
  CONSTRAINT room_leases_room_id_fkey FOREIGN KEY(room_id) REFERENCES rooms (room_id)
);
COMMENT ON TABLE room_leases IS 'Which aggregator may write the rows of a room, by the clock of the database';
