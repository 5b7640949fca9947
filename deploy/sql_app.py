"""`facepose sql`: its command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy import exit_codes
from deploy.process_setup import process_settings
from deploy.sql.errors import QueryError
from deploy.sql.printing import Format

sql_app: Final = typer.Typer()


@sql_app.command()
def sql(
    statement: Annotated[
        str | None, typer.Argument(metavar="SQL", help='Like "SELECT * FROM v_lessons".')
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read the SQL from this file; - is standard input.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="How the rows are written.")
    ] = Format.TABLE,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
    timeout: Annotated[
        float, typer.Option(min=0, max=86_400, help="Seconds a statement may take; 0: any.")
    ] = 30.0,
    views: Annotated[bool, typer.Option("--views", help="List the views.")] = False,
    describe: Annotated[
        str | None, typer.Option(metavar="VIEW", help="Explain a view's columns.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="State folder of an embedded database, instead of DATABASE_URL."),
    ] = None,
) -> None:
    """Ask the history in SQL: read only, groups only, as role facepose_analyst (docs/sql.md)."""
    from deploy.embedded_database import opened_database
    from deploy.sql.command import describe_view, list_views, read_sql, run_query

    try:
        text = None if views or describe else read_sql(statement, file)
        with opened_database(process_settings(), state) as url:
            if views:
                list_views(url, form, sys.stdout)
            elif describe is not None:
                describe_view(url, describe, form, sys.stdout)
            elif left_out := run_query(
                url, text or "", form, limit=limit, timeout_s=timeout, out=sys.stdout
            ):
                typer.echo(left_out, err=True)
        sys.stdout.flush()
    except QueryError as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(exit_codes.FAILED) from None
    except BrokenPipeError:  # `… | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
