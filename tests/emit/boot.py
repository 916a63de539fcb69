"""``python -m tests.emit.boot``: the hammers on booted kernels, which for aarch64 are the only real ones.

    python -m tests.emit.boot --only 6.18 [--operations 100000] [--keep FOLDER] [--arch aarch64]

Each kernel of Debian's is started in qemu-system with two CPUs. ``hammer`` is the header as it is;
``trusting`` is built with OPV_TRUST_KERNEL, so that on the kernels from 6.19 to 7.0.13, which do not
restart sections on aarch64, one sees what the header's own look at the version prevents. Exits with 1
when ``hammer`` loses anything, 4 when nothing could be booted.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

from tests.kernels.boot import KERNELS, CannotBoot, boot, fetch_image
from tests.kernels.build import ARCHITECTURES, archive

from .conftest import HERE, IDIOMS, build_hammer, run, write_headers

ROWS = 2 * len(IDIOMS)


def main(words: list[str]) -> int:
    """Boot, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.emit.boot", description=__doc__)
    parser.add_argument("--only", default="", help="only versions that begin so")
    parser.add_argument("--arch", choices=tuple(ARCHITECTURES), default="aarch64")
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="keep downloads in this folder")
    chosen = parser.parse_args(words)
    kernels = [
        each
        for each in KERNELS
        if each.architecture == chosen.arch and each.version.startswith(chosen.only)
    ]
    architecture = ARCHITECTURES[chosen.arch]
    booted = lost = 0
    with tempfile.TemporaryDirectory(prefix="opvasm-boot-") as name:
        work = Path(name)
        folder = chosen.keep or work
        folder.mkdir(parents=True, exist_ok=True)
        root = _root(architecture.compiler, work, chosen.operations)
        for kernel in kernels:
            try:
                image = fetch_image(kernel, architecture, folder)
            except CannotBoot as problem:
                print(problem, file=sys.stderr)
                return 4
            if image is None:
                print(f"{kernel.version}: Debian has no such package any more")
                continue
            text = boot(architecture, image, root, "")
            found = re.search(r"^kernel .*?^end", text, re.MULTILINE | re.DOTALL)
            if found is None:
                print(f"{kernel.version}: did not come to its end\n{text[-2000:]}")
                continue
            booted += 1
            print(f"{kernel.version} {found[0]}", flush=True)
            right = len(re.findall(r"^hammer \w+ right", found[0], re.MULTILINE))
            lost += right != ROWS
    if not booted:
        return 4
    return 1 if lost else 0


def _root(compiler: str, work: Path, operations: int) -> bytes:
    """The archive with init, the hammer, and the one that trusts the kernel."""
    write_headers(work, "elide")
    files: dict[str, bytes | Path] = {}
    for name, options in (("hammer", ()), ("trusting", ("-DOPV_TRUST_KERNEL",))):
        made = build_hammer(work, [compiler], "-static", *options)
        files[name] = made.read_bytes()
    init = work / "init"
    define = f'-DOPERATIONS="{operations}"'
    done = run(compiler, "-O2", "-static", define, HERE / "init.c", "-o", init)
    if done.returncode:
        raise SystemExit(done.stderr)
    files["init"] = init.read_bytes()
    return archive(files, dict.fromkeys(files, 0o755))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
