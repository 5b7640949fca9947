-- Roles: groups without a login, shared by all databases of a PostgreSQL server.
-- Who may not create roles gets the tables all the same: `facepose db roles --print` prints what a
-- database administrator has to run, `facepose db roles` then gives the rights.

CREATE FUNCTION create_facepose_roles() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'facepose_writer', 'facepose_maintenance', 'facepose_analyst', 'facepose_admin'
    ] LOOP
        IF to_regrole(name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION
                -- another database of this server was quicker
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'this user may not create role %', name;
            END;
        END IF;
    END LOOP;
    IF to_regrole('facepose_admin') IS NOT NULL AND to_regrole('facepose_analyst') IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_auth_members
                       WHERE roleid = to_regrole('facepose_analyst')
                         AND member = to_regrole('facepose_admin')) THEN
        BEGIN
            GRANT facepose_analyst TO facepose_admin;
        EXCEPTION
            WHEN unique_violation OR internal_error OR insufficient_privilege THEN
                RAISE NOTICE 'facepose_admin was not made a member of facepose_analyst here';
        END;
    END IF;
END
$$;
COMMENT ON FUNCTION create_facepose_roles IS 'Creates the roles that are missing, where it may';

-- What each role may do in this database. Rights on a partitioned table hold for every access
-- through it, so partitions of tomorrow need none of their own, and have none.
CREATE FUNCTION grant_facepose_roles() RETURNS void LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE
    view_name text;
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;

    IF to_regrole('facepose_writer') IS NOT NULL THEN
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO facepose_writer', current_database());
        GRANT SELECT, INSERT, UPDATE ON
            orgs, sites, rooms, cameras, seats, seat_regions, calibrations, classes, score_versions,
            meetings, meeting_activities, participations, room_state, room_leases, retention
            TO facepose_writer;
        GRANT SELECT, INSERT ON
            students, attention_windows, attention_minutes, expression_minutes, meeting_minutes,
            participation_summaries, meeting_summaries, camera_minutes, events
            TO facepose_writer;
        GRANT SELECT, INSERT, UPDATE, DELETE ON
            site_day_curves, report_defs, report_runs, report_files, report_deliveries
            TO facepose_writer;
        GRANT DELETE ON room_state, room_leases, retention TO facepose_writer;
        GRANT SELECT ON enrolments, seating, consents, alembic_version TO facepose_writer;
        GRANT EXECUTE ON FUNCTION create_partition(text, date, date) TO facepose_writer;
    END IF;

    IF to_regrole('facepose_maintenance') IS NOT NULL THEN
        GRANT SELECT ON
            sites, rooms, cameras, classes, score_versions, meeting_minutes, meeting_summaries,
            camera_minutes, room_leases, report_defs, alembic_version TO facepose_maintenance;
        GRANT SELECT, DELETE ON
            meetings, report_runs, report_files, report_deliveries TO facepose_maintenance;
        GRANT SELECT, INSERT, UPDATE, DELETE ON
            site_day_curves, retention TO facepose_maintenance;
        GRANT EXECUTE ON FUNCTION
            create_partition(text, date, date), drop_partition(text), purge_forbidden_rows(boolean)
            TO facepose_maintenance;
    END IF;

    IF to_regrole('facepose_analyst') IS NOT NULL THEN
        FOR view_name IN
            SELECT relname FROM pg_class
            WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
              AND relname LIKE 'v\_%'
        LOOP
            EXECUTE format('GRANT SELECT ON %I TO facepose_analyst', view_name);
        END LOOP;
    END IF;

    IF to_regrole('facepose_admin') IS NOT NULL THEN
        GRANT SELECT ON audit_log, sites, rooms, seats, alembic_version TO facepose_admin;
        GRANT EXECUTE ON FUNCTION
            student_history(uuid, date, date, text), student_drops(text, date, text),
            class_students(text, text, text), consent_gaps(text, text),
            audit_entries(date, date), audit_append(text, text, text, text, integer)
            TO facepose_admin;
        -- rosters: who is enrolled, who sits where, what was consented, and the names
        GRANT USAGE ON SCHEMA vault TO facepose_admin;
        GRANT SELECT, INSERT, UPDATE, DELETE ON
            vault.identities, consents, enrolments, seating TO facepose_admin;
        GRANT SELECT, INSERT, UPDATE ON students, classes TO facepose_admin;
    END IF;
END
$$;
COMMENT ON FUNCTION grant_facepose_roles IS 'Gives the roles that exist their rights here';

CREATE FUNCTION revoke_facepose_roles() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
    FOREACH name IN ARRAY ARRAY[
        'facepose_admin', 'facepose_analyst', 'facepose_maintenance', 'facepose_writer'
    ] LOOP
        CONTINUE WHEN to_regrole(name) IS NULL;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public, vault FROM %I', name);
        EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM %I', name);
        EXECUTE format('REVOKE ALL ON SCHEMA vault FROM %I', name);
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), name);
        -- the role itself goes when no other database and no login uses it
        IF NOT EXISTS (SELECT FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member
                       WHERE m.roleid = to_regrole(name) AND r.rolcanlogin
                         AND r.rolname <> current_user) THEN
            BEGIN
                EXECUTE format('DROP ROLE %I', name);
            EXCEPTION
                WHEN dependent_objects_still_exist OR insufficient_privilege OR undefined_object
                    THEN NULL;
            END;
        END IF;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION
    create_facepose_roles(), grant_facepose_roles(), revoke_facepose_roles() FROM PUBLIC;
