"""Debian's kernel packages, booted in qemu-system with the rows as init (outside of CI).

Packages are fetched by apt-get with an index of its own in the working folder, so that nothing on
the machine is changed and no other architecture has to be configured.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from opvasm.light_typing import NamedTuple

from .build import ARCHITECTURES, Architecture, CannotBuild, archive, build
from .python_root import INIT_WORDS, LAST, python_root
from .recorded import kept

SUITES = ("bookworm", "trixie", "trixie-backports", "sid")
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
SECONDS = 900
AGAIN = 3  # times that a boot is tried: one in twenty ends in a panic, under load
DEBUG_WORDS = "rseq_debug=1"


class CannotBoot(Exception):
    """A tool is missing."""


class Kernel(NamedTuple):
    """A kernel to boot; the package's name is made of the version and Debian's revision."""

    version: str
    architecture: str


class Booted(NamedTuple):
    """What a kernel said: the lines to keep (recorded.py); or why it was passed over."""

    kernel: Kernel
    lines: str = ""
    skipped: str = ""


VERSIONS = (
    *("6.12.117", "6.18.15", "6.19.6", "6.19.14"),
    *("7.0.9", "7.0.10", "7.0.13", "7.1.3", "7.2.12", "7.3.4"),
)
KERNELS = tuple(
    Kernel(version, architecture) for version in VERSIONS for architecture in ARCHITECTURES
)


class Wish(NamedTuple):
    """What is asked of each kernel: tries a row, boots in which the probe runs (0: none, and the
    rows alone are the first process), and whether it is started with rseq_debug=1."""

    tries: int
    probes: int
    debug: bool


def boot_all(kernels: Sequence[Kernel], folder: Path, wish: Wish) -> Iterator[Booted]:
    """Fetch, boot and read one kernel after the other."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CannotBoot(f"{tool} is not installed: Debian's packages can't be had")
    folder.mkdir(parents=True, exist_ok=True)
    roots: dict[str, bytes] = {}
    for kernel in kernels:
        architecture = ARCHITECTURES[kernel.architecture]
        if shutil.which(architecture.qemu[0]) is None:
            yield Booted(kernel, skipped=f"{architecture.qemu[0]} is not installed")
            continue
        try:
            image = fetch_image(kernel, architecture, folder)
            if image is None:
                yield Booted(kernel, skipped="Debian has no such package any more")
                continue
            if kernel.architecture not in roots:
                roots[kernel.architecture] = _root(architecture, folder, wish)
            yield _booted(kernel, image, roots[kernel.architecture], folder, wish)
        except CannotBuild as problem:
            yield Booted(kernel, skipped=str(problem))


def _root(architecture: Architecture, folder: Path, wish: Wish) -> bytes:
    program = build(architecture, folder)
    if not wish.probes:
        return archive({"init": program}, {})
    return python_root(
        architecture, program, folder, lambda names: fetch(architecture, folder, names)
    )


def _booted(kernel: Kernel, image: Path, root: bytes, folder: Path, wish: Wish) -> Booted:
    """One kernel: the rows in its first boot, the probe in each."""
    words = [f"tries={wish.tries}", *[DEBUG_WORDS] * wish.debug, *[INIT_WORDS] * bool(wish.probes)]
    lines = ""
    for number in range(max(wish.probes, 1)):
        last = LAST if wish.probes else "\nend\n"
        text = boot(
            ARCHITECTURES[kernel.architecture], image, root, " ".join(words[number > 0 :]), last
        )
        name = f"{kernel.version}-{kernel.architecture}{'-debug' * wish.debug}-{number}.log"
        (folder / name).write_text(text)
        if not number:
            lines = kept(text)
            if "kernel " not in lines or "\nend\n" not in text:
                return Booted(kernel, skipped="the kernel did not come to the end of the rows")
        if wish.probes:
            lines += "".join(probes_in(text))
    return Booted(kernel, lines)


def end_with_me() -> None:
    """A SIGTERM ends this program by an exception, so that the machine it runs ends as well."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def boot(
    architecture: Architecture, image: Path, root: bytes, words: str, last: str = "\nend"
) -> str:
    """What a kernel prints with this root, from its start to its end; ``last`` ends it."""
    initrd = image.with_name(f"{image.name}.initrd")
    initrd.write_bytes(root)
    line = f"console={architecture.console} loglevel=3 panic=-1 {words}"
    command = [
        *architecture.qemu,
        *("-smp", "2", "-m", "768", "-nographic", "-no-reboot", "-nic", "none"),
        *("-kernel", str(image), "-initrd", str(initrd), "-append", line),
    ]
    text = ""
    for _ in range(AGAIN):
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
            text = done.stdout.decode(errors="replace").replace("\r", "")
        except subprocess.TimeoutExpired as over:
            text = (over.stdout or b"").decode(errors="replace").replace("\r", "")
        if last in text:
            break
    initrd.unlink()
    return text


def probes_in(text: str) -> Iterator[str]:
    """What ``opvasm probe`` said in a booted kernel: a line for each registered size."""
    sizes = {"glibc's own": 32, "feature size": 64}
    found = dict.fromkeys(["glibc's own"], "nothing")
    for part in re.split(r"^registration: ", text, flags=re.MULTILINE)[1:]:
        label = part.partition(" (")[0]
        said = re.search(r"^verdict: (\w+)", part, re.MULTILINE)
        found[label] = "nothing" if said is None else said[1]
    for label, name in found.items():
        yield f"probe {sizes[label]} {name}\n"


# ---- packages -------------------------------------------------------------------------------------


def fetch_image(kernel: Kernel, architecture: Architecture, folder: Path) -> Path | None:
    """The kernel's image, from the folder or from Debian; None: there is no such package."""
    image = folder / f"vmlinuz-{kernel.version}-{architecture.debian}"
    if image.exists():
        return image
    package = _package(kernel, architecture, folder)
    if package is None:
        return None
    (archive_file,) = fetch(architecture, folder, [package])
    unpacked = folder / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", str(archive_file), str(unpacked)], check=True)
    places = [*unpacked.glob("boot/vmlinuz*"), *unpacked.glob("usr/lib/modules/*/vmlinuz")]
    found = [each for each in places if each.is_file() and not each.is_symlink()]
    if not found:
        return None
    shutil.move(found[0], image)
    shutil.rmtree(unpacked)
    archive_file.unlink()
    return image


def _package(kernel: Kernel, architecture: Architecture, folder: Path) -> str | None:
    """The package of a version: linux-image to 6.18, linux-binary from 6.19 on."""
    debian = architecture.debian
    pattern = rf"^linux-(image|binary)-{re.escape(kernel.version)}\+deb[0-9]+-{debian}$"
    names = found_packages(architecture, folder, pattern)
    binaries = [each for each in names if each.startswith("linux-binary")]
    return next(iter(binaries or names), None)


def found_packages(architecture: Architecture, folder: Path, pattern: str) -> list[str]:
    """The names of Debian's packages that a pattern matches, sorted."""
    listed = _apt("apt-cache", architecture, folder, "search", "--names-only", pattern)
    return sorted(line.split()[0] for line in listed.splitlines() if line)


def fetch(architecture: Architecture, folder: Path, names: Sequence[str]) -> list[Path]:
    """The packages with these names, as files."""
    place = folder / f"packages-{architecture.debian}"
    place.mkdir(exist_ok=True)
    _apt("apt-get", architecture, folder, "download", *names, place=place)
    return [next(place.glob(f"{name.partition('/')[0]}_*.deb")) for name in names]


def _apt(
    tool: str, architecture: Architecture, folder: Path, *words: str, place: Path | None = None
) -> str:
    """apt with an index of its own, which is made the first time."""
    own = (folder / f"apt-{architecture.debian}").resolve()
    settings = own / "apt.conf"
    environment = {**os.environ, "APT_CONFIG": str(settings)}
    if not settings.exists():
        for each in ("lists/partial", "cache/archives/partial", "etc"):
            (own / each).mkdir(parents=True, exist_ok=True)
        (own / "status").touch()
        lines = [f"deb [signed-by={KEYS}] {_mirror()} {suite} main\n" for suite in SUITES]
        (own / "etc" / "sources.list").write_text("".join(lines))
        settings.write_text(
            f'APT::Architecture "{architecture.debian}";\n'
            f'APT::Architectures {{ "{architecture.debian}"; }};\n'
            f'Dir::Etc::sourcelist "{own}/etc/sources.list"; Dir::Etc::sourceparts "-";\n'
            f'Dir::State "{own}"; Dir::State::lists "{own}/lists";\n'
            f'Dir::State::status "{own}/status"; Dir::Cache "{own}/cache";\n'
            'Acquire::Languages "none"; APT::Sandbox::User "root";\n'
        )
        _run(["apt-get", "update", "-qq"], environment, own)
    return _run([tool, *words], environment, place or own)


def _mirror() -> str:
    """Where this machine has Debian's packages from."""
    words = ["indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)", "Created-By: Packages"]
    listed = _run(["apt-get", *words], dict(os.environ), Path("/"))
    found = [line.split()[0] for line in listed.splitlines() if line.split()[1:] == ["Debian"] * 2]
    if not found:
        raise CannotBoot("apt-get is not set up for Debian's packages here")
    return found[0]


def _run(command: Sequence[str], environment: dict[str, str], place: Path) -> str:
    done = subprocess.run(
        command, env=environment, cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBoot(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
