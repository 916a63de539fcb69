#!/bin/sh
# qiling 1.4.6 (PyPI, x86-64, a static program of Debian 12's glibc 2.36): a system call that it lacks.
#
# Guess, written down before: rseq is not implemented, so that glibc gets ENOSYS, as it does under
# valgrind and qemu-user, and __rseq_size is 0.
#
# Seen: an unknown call leaves its number, 334, where the answer should be.  To glibc that is no error:
# __rseq_size is 20 and programs take rseq for registered, while cpu_id stays -1 and cpu_id_start 0.  A
# section compares them, finds them different and starts again; without a bound it does so for ever.
#
# Needs gcc with a static glibc from 2.35 on, python3 with venv, and pip set up.  Exits with 0 when it is
# still so, 1 when it is not, 77 when it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
command -v gcc >/dev/null || { echo "no gcc"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "not x86-64"; exit 77; }
python3 -m venv venv || { echo "no venv"; exit 77; }
venv/bin/pip install --quiet --disable-pip-version-check qiling==1.4.6 2>/dev/null \
	|| { echo "qiling 1.4.6 is not to be had"; exit 77; }
mkdir root
cat > area.c <<'C'
#include <stdio.h>
#include <sys/rseq.h>

int main(void)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	printf("size %u, cpu_id %d, cpu_id_start %u\n", __rseq_size, (int)area->cpu_id, area->cpu_id_start);
	return 0;
}
C
gcc -O2 -static area.c -o root/area || { echo "no static glibc with <sys/rseq.h>"; exit 77; }
cat > run.py <<'P'
import sys

from qiling import Qiling
from qiling.const import QL_VERBOSE

Qiling([sys.argv[1]], sys.argv[2], verbose=QL_VERBOSE.OFF).run()
P
printf 'kernel: '
root/area
printf 'qiling: '
timeout 100 venv/bin/python run.py "$work/root/area" "$work/root" >seen 2>/dev/null || true
cat seen
grep -q '^size [1-9][0-9]*, cpu_id -1, cpu_id_start 0$' seen
