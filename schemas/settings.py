"""Settings of a process, from environment variables.

| variable | meaning | default |
|---|---|---|
| `FRAMES_URL` | Redis or Valkey for frames, without persistence | `REDIS_URL` |
| `FACES_URL` | Redis or Valkey for observations, append-only file on | `REDIS_URL` |
| `REDIS_URL` | one server for both, for a small site | none |
| `DATABASE_URL` | PostgreSQL, `postgresql://USER:PASSWORD@HOST/NAME` | none |
| `FACEPOSE_STATE` | folder of the embedded servers | `.facepose` beside the site file |
| `FACEPOSE_CACHE` | weights, compiled networks, simulated films | the user's cache folder |
| `FACEPOSE_PFLD_CHECKPOINT` | your PFLD checkpoint | `weights/pfld98.pth` in the cache |
| `FACEPOSE_THREADS` | CPU threads of one worker | the cores of this machine, less one |
| `FACEPOSE_DEVICE` | `auto`, `cpu` or `cuda` | `auto` |
| `FACEPOSE_FRAMES_KEPT_S` | seconds of frames kept in Redis for each camera | 4 |
| `FACEPOSE_MAX_AGE_S` | a worker lets older frames expire | 3 |
| `FACEPOSE_JPEG_QUALITY` | of the frames in Redis | 85 |
| `FACEPOSE_INGEST_PROCESSES` | processes that read cameras; 0: by cameras and cores | 0 |
| `FACEPOSE_METRICS_HOST` | where metrics and health listen | `127.0.0.1` |
| `FACEPOSE_METRICS_PORT` | Prometheus metrics on 127.0.0.1; 0: none | 0 |
| `FACEPOSE_LOG_FORMAT` | `text` or `json` | `text` |
| `FACEPOSE_VAULT_KEY` | secret that names are encrypted with: 32 bytes, base64 | none |
| `FACEPOSE_VAULT_KEY_FILE` | a file that holds it instead | none |
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import SettingsError


def _default_threads() -> int:
    return max(1, (os.cpu_count() or 2) - 1)


class Settings(BaseSettings):
    """All process settings; secrets show as `**********` when printed."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    frames_url: SecretStr | None = Field(default=None, validation_alias="FRAMES_URL")
    faces_url: SecretStr | None = Field(default=None, validation_alias="FACES_URL")
    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    state: Path | None = Field(default=None, validation_alias="FACEPOSE_STATE")
    threads: int = Field(
        default_factory=_default_threads, ge=1, le=256, validation_alias="FACEPOSE_THREADS"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", validation_alias="FACEPOSE_DEVICE"
    )
    frames_kept_s: float = Field(
        default=4.0, ge=1, le=60, validation_alias="FACEPOSE_FRAMES_KEPT_S"
    )
    max_age_s: float = Field(default=3.0, gt=0, le=60, validation_alias="FACEPOSE_MAX_AGE_S")
    jpeg_quality: int = Field(default=85, ge=30, le=100, validation_alias="FACEPOSE_JPEG_QUALITY")
    ingest_processes: int = Field(
        default=0, ge=0, le=1024, validation_alias="FACEPOSE_INGEST_PROCESSES"
    )
    metrics_host: str = Field(default="127.0.0.1", validation_alias="FACEPOSE_METRICS_HOST")
    metrics_port: int = Field(default=0, ge=0, le=65535, validation_alias="FACEPOSE_METRICS_PORT")
    log_format: Literal["text", "json"] = Field(
        default="text", validation_alias="FACEPOSE_LOG_FORMAT"
    )
    vault_key: SecretStr | None = Field(default=None, validation_alias="FACEPOSE_VAULT_KEY")
    vault_key_file: Path | None = Field(default=None, validation_alias="FACEPOSE_VAULT_KEY_FILE")

    @model_validator(mode="after")
    def _check_ages(self) -> Self:
        if self.max_age_s > self.frames_kept_s:
            raise ValueError("FACEPOSE_MAX_AGE_S is larger than FACEPOSE_FRAMES_KEPT_S")
        return self

    def require_frames_url(self) -> str:
        """The frames server's url. Raises: SettingsError when none is set."""
        return _required(self.frames_url or self.redis_url, "FRAMES_URL (or REDIS_URL)")

    def require_faces_url(self) -> str:
        """The observations server's url. Raises: SettingsError when none is set."""
        return _required(self.faces_url or self.redis_url, "FACES_URL (or REDIS_URL)")

    def require_database_url(self) -> str:
        """PostgreSQL's url in SQLAlchemy's form. Raises: SettingsError when none is set."""
        url = _required(self.database_url, "DATABASE_URL")
        for plain in ("postgresql://", "postgres://"):
            if url.startswith(plain):
                return "postgresql+psycopg://" + url.removeprefix(plain)
        return url


def load_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsError: every wrong variable by its name.
    """
    try:
        return Settings()
    except ValidationError as exc:
        lines = [
            f"  {'.'.join(str(part) for part in error['loc']) or 'settings'}: "
            f"{str(error['msg']).removeprefix('Value error, ')}"
            for error in exc.errors(include_url=False, include_input=False)
        ]
        raise SettingsError("wrong settings in the environment:\n" + "\n".join(lines)) from None


def _required(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise SettingsError(
            f"{name} is not set; set it to your server's url, "
            "or use `facepose up`, which starts embedded servers"
        )
    return value.get_secret_value()


def plain_database_url(url: str) -> str:
    """SQLAlchemy's url as psql and other programs write it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
