-- What was made for readers, and where it went.

-- One row for each report and period.
CREATE VIEW v_reports WITH (security_barrier) AS
SELECT
    t.slug AS site,
    f.slug AS report,
    f.kind,
    lower(x.period) AS period_start,
    upper(x.period) AS period_end,
    (lower(x.period) AT TIME ZONE f.tz)::date AS local_first_day,
    (upper(x.period) AT TIME ZONE f.tz - interval '1 microsecond')::date AS local_last_day,
    x.status,
    x.due_at,
    x.finished_at,
    x.score_version,
    coalesce(jsonb_array_length(x.left_out), 0) AS left_out,
    (
        SELECT array_agg(y.name ORDER BY y.name)
        FROM report_files AS y
        WHERE y.run_id = x.run_id AND NOT y.per_student
    ) AS files
FROM report_runs AS x
JOIN report_defs AS f ON f.report_id = x.report_id
JOIN sites AS t ON t.site_id = f.site_id;

COMMENT ON VIEW v_reports IS 'Reports that were made, are being made or are due; one row a period';
COMMENT ON COLUMN v_reports.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_reports.report IS 'Short name of the report, as in the site file';
COMMENT ON COLUMN v_reports.kind IS
    'daily_operations, weekly_class, weekly_site, monthly, term or student';
COMMENT ON COLUMN v_reports.period_start IS 'When the period begins';
COMMENT ON COLUMN v_reports.period_end IS 'When the period is over; itself no longer in it';
COMMENT ON COLUMN v_reports.local_first_day IS 'First day of the period at the school';
COMMENT ON COLUMN v_reports.local_last_day IS 'Last day of the period at the school';
COMMENT ON COLUMN v_reports.status IS 'waiting, running, done or failed';
COMMENT ON COLUMN v_reports.due_at IS 'When it was to be made';
COMMENT ON COLUMN v_reports.finished_at IS 'When it was made; NULL: not yet';
COMMENT ON COLUMN v_reports.score_version IS 'Newest score version in it; see v_score_versions';
COMMENT ON COLUMN v_reports.left_out IS
    'Lessons of the period that were not closed in time and are missing';
COMMENT ON COLUMN v_reports.files IS 'Names of its files, without those about single students';

-- One row for each report, period and recipient.
CREATE VIEW v_report_deliveries WITH (security_barrier) AS
SELECT
    t.slug AS site,
    f.slug AS report,
    lower(x.period) AS period_start,
    y.channel,
    CASE y.channel
        WHEN 'mail' THEN regexp_replace(y.recipient, '^(mailto:)?(.?)[^@]*', '\2***')
        WHEN 'webhook' THEN
            regexp_replace(y.recipient, '^(https?://)?([^/@]*@)?([^/?#]*).*$', '\1\3')
        ELSE 'folder'
    END AS recipient,
    y.status,
    y.attempt::int AS attempts,
    y.next_at,
    y.sent_at
FROM report_deliveries AS y
JOIN report_runs AS x ON x.run_id = y.run_id
JOIN report_defs AS f ON f.report_id = x.report_id
JOIN sites AS t ON t.site_id = f.site_id;

COMMENT ON VIEW v_report_deliveries IS 'Where each report went, and whether it arrived';
COMMENT ON COLUMN v_report_deliveries.site IS 'Short name of the school, as in the site file';
COMMENT ON COLUMN v_report_deliveries.report IS 'Short name of the report, as in the site file';
COMMENT ON COLUMN v_report_deliveries.period_start IS 'When the period of the report begins';
COMMENT ON COLUMN v_report_deliveries.channel IS 'folder, mail or webhook';
COMMENT ON COLUMN v_report_deliveries.recipient IS
    'To whom, masked: the first letter and the domain of an address, the host of a webhook';
COMMENT ON COLUMN v_report_deliveries.status IS
    'pending, sending, sent, failed, or in_doubt: it may have arrived, and is sent once more under '
    'the same id';
COMMENT ON COLUMN v_report_deliveries.attempts IS 'How often it was tried';
COMMENT ON COLUMN v_report_deliveries.next_at IS 'When it is tried again; NULL: not again';
COMMENT ON COLUMN v_report_deliveries.sent_at IS 'When it was sent; NULL: not yet';
