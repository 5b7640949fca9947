"""Every fault that a simulated camera can have: the fault model, one entry each."""

from __future__ import annotations

from typing import Final

from deploy.simulator.fault import Fault

_HOUR_S: Final = 3600.0

FAULTS: Final[tuple[Fault, ...]] = (
    # --- the camera cannot be reached, or says no ---------------------------------------------
    Fault(
        name="refused",
        description="Nobody listens on the camera's port.",
        cause="unreachable",
        closes_port=True,
        drops=True,
    ),
    Fault(
        name="unauthorized",
        description="The password was changed: 401 to every try.",
        cause="unauthorized",
        status=401,
        drops=True,
    ),
    Fault(
        name="not-found",
        description="The camera does not know the path any more: 404.",
        cause="not_found",
        status=404,
        drops=True,
    ),
    Fault(
        name="busy",
        description="The camera has too many viewers: 503.",
        cause="busy",
        status=503,
        drops=True,
    ),
    # --- the camera says nothing --------------------------------------------------------------
    Fault(
        name="never-answers",
        description="The camera's program hangs: it takes connections and says nothing.",
        cause="silent",
        silent_at=frozenset({"OPTIONS", "DESCRIBE", "SETUP", "PLAY"}),
        stalls=True,
    ),
    Fault(
        name="silent-after-describe",
        description="The camera answers DESCRIBE, and SETUP never.",
        cause="silent",
        silent_at=frozenset({"SETUP"}),
        drops=True,
    ),
    Fault(
        name="silent-at-play",
        description="The camera answers SETUP, and PLAY never.",
        cause="silent",
        silent_at=frozenset({"PLAY"}),
        drops=True,
    ),
    Fault(
        name="plays-nothing",
        description="The camera answers PLAY, and no packet comes.",
        cause="silent",
        stalls=True,
        drops=True,
    ),
    Fault(
        name="stalls",
        description="The stream stops between two key pictures; the connection stays open.",
        cause="silent",
        stalls=True,
    ),
    Fault(
        name="stalls-with-reports",
        description="Pictures stop between two key pictures; RTCP reports go on.",
        cause="silent",
        stalls=True,
        reports=True,
    ),
    # --- the connection ends, and something else comes back -----------------------------------
    Fault(
        name="drops",
        description="The camera drops its connections once.",
        cause="dropped",
        drops=True,
        passes=True,
    ),
    Fault(
        name="other-size",
        description="The camera drops its connections and comes back with another resolution.",
        cause="dropped",
        drops=True,
        becomes="size",
        passes=True,
    ),
    Fault(
        name="other-codec",
        description="The camera drops its connections and comes back with another codec.",
        cause="dropped",
        drops=True,
        becomes="codec",
        passes=True,
    ),
    Fault(
        name="other-rate",
        description="The camera drops its connections and comes back with another frame rate.",
        cause="dropped",
        drops=True,
        becomes="rate",
        passes=True,
    ),
    Fault(
        name="size-in-stream",
        description="The resolution changes within the stream, at a key picture.",
        becomes="size",
        passes=True,
    ),
    # --- packets ------------------------------------------------------------------------------
    Fault(
        name="corrupt",
        description="In one of ten packets bytes are flipped.",
        corrupts=0.1,
    ),
    Fault(
        name="lossy",
        description="One of five packets is lost, over UDP.",
        transport="udp",
        loses=0.2,
    ),
    # --- time ---------------------------------------------------------------------------------
    Fault(
        name="stamps-jump-back",
        description="The RTP time stamps jump 10 s back.",
        cause="time_jump",
        stamps_jump_s=-10.0,
        passes=True,
    ),
    Fault(
        name="stamps-jump-ahead",
        description="The RTP time stamps jump 5 h ahead.",
        cause="time_jump",
        stamps_jump_s=5 * _HOUR_S,
        passes=True,
    ),
    Fault(
        name="stamps-frozen",
        description="Every picture carries the same RTP time stamp.",
        cause="time_jump",
        stamps="frozen",
    ),
    Fault(
        name="no-stamps",
        description="From the start of the connection every RTP time stamp is 0.",
        cause="time_jump",
        stamps="zero",
        drops=True,
    ),
    Fault(
        name="burst",
        description="The stream stops for 3 s; what was held back then comes at once.",
        holds_s=3.0,
        passes=True,
    ),
    # --- pictures -----------------------------------------------------------------------------
    Fault(
        name="frozen-picture",
        description="The same coded picture again and again, at live time stamps.",
        cause="frozen",
        repeats_picture=True,
    ),
)


def fault_named(name: str) -> Fault:
    """The fault of that name.

    Raises:
        KeyError: there is none.
    """
    return {fault.name: fault for fault in FAULTS}[name]
