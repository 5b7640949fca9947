"""Policy profiles: what law and custom allow, as product features.

A site may be stricter than its profile, never looser. `locked` cannot be configured away: the
weights are not loaded and the rows are not written. Not legal advice.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Permission = Literal["on", "opt_in", "locked"]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What one profile permits."""

    name: str
    per_student: Permission
    expression: Permission
    k: int  # smallest group shown in group figures
    summary: str


class PolicyRules(msgspec.Struct, frozen=True, kw_only=True):
    """A site's policy after its profile and its own, stricter, choices."""

    profile: str
    per_student: bool  # may per-student rows be written
    expression: bool  # may expressions be inferred and stored
    k: int

    @property
    def identity_mode(self) -> int:
        """SCORE §5: 0 anonymous, 1 by seat map."""
        return 1 if self.per_student else 0


def _us(name: str, summary: str) -> Profile:
    return Profile(name=name, per_student="on", expression="opt_in", k=5, summary=summary)


PROFILES: Final[dict[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile(
            name="demo",
            per_student="on",
            expression="on",
            k=1,
            summary="simulations and your own test recordings: everything on",
        ),
        Profile(
            name="research",
            per_student="on",
            expression="on",
            k=5,
            summary="studies with consent: per student and expressions on",
        ),
        Profile(
            name="standard",
            per_student="on",
            expression="opt_in",
            k=5,
            summary="per student by seat; expressions only if you switch them on",
        ),
        _us("us", "United States: as standard, rosters per opt-in"),
        _us("us_ny", "New York: as us, face templates locked for good"),
        _us("us_il", "Illinois: as us, face templates locked for good"),
        Profile(
            name="uk",
            per_student="on",
            expression="opt_in",
            k=5,
            summary="United Kingdom: as standard, guardian consent, child's veto",
        ),
        Profile(
            name="eu",
            per_student="locked",
            expression="locked",
            k=10,
            summary="European Union: class figures only; no per-student rows, no expressions",
        ),
    )
}


class PolicyConflictError(ValueError):
    """A site file asks for more than its profile permits."""


def describe_profiles() -> str:
    """One line a profile, for error messages and help texts."""
    return "\n".join(f"    {p.name:<9} {p.summary}" for p in PROFILES.values())


def resolve(
    profile_name: str,
    *,
    per_student: bool | None = None,
    expression: bool | None = None,
    k: int | None = None,
) -> PolicyRules:
    """The rules in force; `None` takes the profile's own default.

    Raises:
        PolicyConflictError: the profile is unknown, or a choice is looser than it permits.
    """
    profile = PROFILES.get(profile_name)
    if profile is None:
        raise PolicyConflictError(
            f"unknown policy profile {profile_name!r}; choose one of\n{describe_profiles()}"
        )
    if k is not None and k < profile.k:
        raise PolicyConflictError(
            f"k = {k} is looser than profile {profile.name!r} permits (at least {profile.k})"
        )
    return PolicyRules(
        profile=profile.name,
        per_student=_permit("per_student", profile, profile.per_student, per_student),
        expression=_permit("expression", profile, profile.expression, expression),
        k=profile.k if k is None else k,
    )


def _permit(key: str, profile: Profile, permission: Permission, wish: bool | None) -> bool:
    if permission == "locked" and wish:
        raise PolicyConflictError(
            f"{key}: true is locked by profile {profile.name!r} ({profile.summary})"
        )
    if wish is None:
        return permission == "on"
    return wish
