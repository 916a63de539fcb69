"""A root with Debian's Python, this package and the rows: all that is asked in one boot.

Python is the first process; it runs the rows where the kernel's command line has ``tries=N``, and
then the probe.
"""

from __future__ import annotations

import importlib.util
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .build import Architecture, archive

# glibc of bookworm registers 32 bytes; the probe asks about the feature size by itself.
SUITE = "bookworm"
PACKAGES = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"),
    *("libc6", "zlib1g", "libexpat1", "libffi8"),
)
VERSION = (3, 11)  # of that Python: only the same version compiles for it
INIT_WORDS = "rdinit=/usr/bin/python3.11 -- -S /first.py"  # what comes before -- is its environment
LAST = "\nprobed\n"
FIRST = b"""\
import ctypes, os, sys
libc = ctypes.CDLL(None)
for name in ("proc", "sys"):
    os.makedirs("/" + name, exist_ok=True)
    libc.mount(name.encode(), ("/" + name).encode(), (name + ("fs" if name == "sys" else "")).encode(), 0, None)
libc.mount(b"debug", b"/sys/kernel/debug", b"debugfs", 0, None)
if "tries" in os.environ:
    limit = "/proc/sys/kernel/sched_rt_runtime_us"
    with open(limit, "r+") as file:
        before = file.read()
        file.write("-1")
    os.waitpid(os.posix_spawn("/rows", ["/rows", os.environ["tries"]], os.environ), 0)
    with open(limit, "w") as file:
        file.write(before)
sys.path.insert(0, "/project")
from opvasm.cli.main import main
print()
print("exit", main(["probe", "--timeout", "150"]))
print("probed", flush=True)
os.sync()
libc.reboot(0x4321FEDC)
"""
PROJECT = Path(__file__).parents[2] / "opvasm"


def python_root(
    architecture: Architecture,
    program: Path,
    folder: Path,
    fetch: Callable[[Sequence[str]], list[Path]],
) -> bytes:
    """The file system, made from packages that ``fetch`` gets, with ``program`` as the rows."""
    root = folder / f"root-{architecture.debian}"
    if not root.exists():
        made = folder / f"root-{architecture.debian}.part"
        shutil.rmtree(made, ignore_errors=True)
        for package in fetch([f"{name}/{SUITE}" for name in PACKAGES]):
            subprocess.run(["dpkg-deb", "-x", str(package), str(made)], check=True)
        made.rename(root)
    files: dict[str, bytes | Path] = {"first.py": FIRST, "rows": program}
    for top in ("lib", "lib64", "usr/bin", "usr/lib"):
        for path in (root / top).rglob("*"):
            if path.is_file() and _wanted(path):
                files[str(path.relative_to(root))] = path
    for path in PROJECT.rglob("*.py"):
        files[f"project/opvasm/{path.relative_to(PROJECT)}"] = path
    if sys.version_info[:2] == VERSION:
        files |= _compiled(files, folder / "compiled")
    return archive(files, {})


def _compiled(files: Mapping[str, bytes | Path], place: Path) -> dict[str, bytes]:
    """What Python would write beside its modules: without it an emulated machine compiles each."""
    place.mkdir(exist_ok=True)
    made: dict[str, bytes] = {}
    for name, path in files.items():
        if isinstance(path, Path) and name.endswith(".py") and not path.is_symlink():
            target = place / "module.pyc"
            try:
                py_compile.compile(
                    str(path),
                    cfile=str(target),
                    doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )
            except py_compile.PyCompileError:
                continue
            made[importlib.util.cache_from_source(name)] = target.read_bytes()
    return made


def _wanted(path: Path) -> bool:
    """Without what Python does not need to start: locales' conversions, tests, caches."""
    return not {"gconv", "__pycache__", "test", "doc", "audit"} & set(path.parts)
