"""cpu_id_start and cpu_id: two numbers of 4 bytes, one after the other, as struct rseq has them."""

from __future__ import annotations

from ...abi.layout import ByteOrder

ID_SIZE = 4
IDS_SIZE = 2 * ID_SIZE
# What cpu_id holds where rseq is off; cpu_id_start is 0 there (glibc 2.36, GLIBC_TUNABLES
# glibc.pthread.rseq=0; valgrind 3.19; qemu-user 7.2).
NOT_REGISTERED = -2


def ids_bytes(cpu: int, byteorder: ByteOrder, registered: bool = True) -> bytes:
    """Both ids of a thread on a CPU, as the kernel writes them."""
    start, number = (cpu, cpu) if registered else (0, NOT_REGISTERED % (1 << 8 * ID_SIZE))
    return start.to_bytes(ID_SIZE, byteorder) + number.to_bytes(ID_SIZE, byteorder)
