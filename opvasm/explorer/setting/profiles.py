"""Kernel profiles: what a kernel does to restartable sections, as data.

Each row is a rule set that was in the field (explore.md section 2.3).  The model asks for an
ability and never for a name.
"""

from __future__ import annotations

from ...light_typing import NamedTuple


class Profile(NamedTuple):
    """What a kernel does to a thread's section and to its ids.

    ``registered`` is False where rseq is not there: every attempt fails at the check of cpu_id.
    ``preemption_aborts``: losing the CPU and getting the same one back restarts the section.
    ``ids_at_every_switch``: cpu_id_start is rewritten whenever the thread comes back to user
    space after a switch, a signal or a fence, and not only when the CPU has changed.
    ``id_store_kills``: user space that writes to the ids is killed.
    """

    name: str
    registered: bool
    preemption_aborts: bool
    ids_at_every_switch: bool
    id_store_kills: bool
    summary: str
    source: str


LEGACY = Profile(
    name="legacy",
    registered=True,
    preemption_aborts=True,
    ids_at_every_switch=True,
    id_store_kills=False,
    summary="Linux up to 6.18, and later ones for a 32-byte registration",
    source="kernel/rseq.c of Linux 4.18; lkml 2604.2/08673",
)

V2 = LEGACY._replace(
    name="v2",
    ids_at_every_switch=False,
    id_store_kills=True,
    summary="Linux 7.1 and later, registered with the size of AT_RSEQ_FEATURE_SIZE",
    source="Documentation/userspace-api/rseq.rst",
)

V6_19_X86 = LEGACY._replace(
    name="v6_19_x86",
    ids_at_every_switch=False,
    summary="Linux 6.19 on x86: ids are rewritten only when the CPU changed",
    source="kernel commit 39a167560a61; lkml 2604.2/08673",
)

V6_19_ARM64 = V6_19_X86._replace(
    name="v6_19_arm64",
    preemption_aborts=False,
    summary="Linux 6.19 on arm64: preemption on the same CPU does not restart a section",
    source="lkml 2604.2/08673",
)

DEBUG = LEGACY._replace(
    name="debug",
    id_store_kills=True,
    summary="a debug kernel: a store to the ids kills the process",
    source="kernel/rseq.c, CONFIG_DEBUG_RSEQ",
)

NO_RSEQ = LEGACY._replace(
    name="no_rseq",
    registered=False,
    preemption_aborts=False,
    ids_at_every_switch=False,
    summary="rseq is not registered: ENOSYS, glibc.pthread.rseq=0, DynamoRIO -disable_rseq",
    source="glibc manual, glibc.pthread.rseq; DynamoRIO api/docs/rseq.dox",
)

PROFILES: dict[str, Profile] = {
    each.name: each for each in (LEGACY, V2, V6_19_X86, V6_19_ARM64, DEBUG, NO_RSEQ)
}
DEFAULT_PROFILE = LEGACY.name
