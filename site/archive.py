"""Runs inside of Pyodide while the site is built: /opvasm/lib becomes /opvasm.zip, ready to be used."""

import os
import py_compile
import sys
import zipfile

LIB, CACHE = "/opvasm/lib", "/opvasm/cache"
for folder, _, names in os.walk(LIB):
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".py"):
            # In the place of the text, so that no time of a file has to be right.
            py_compile.compile(path, path + "c", doraise=True, quiet=0)
            os.remove(path)

os.utime(f"{LIB}/lark/__init__.pyc", (0, 0))
sys.path.insert(0, LIB)
from opvasm.text.grammar import load_tables  # noqa: E402

load_tables()
assert os.listdir(f"{CACHE}/opvasm"), "the tables of the grammar were not kept"

with zipfile.ZipFile(
    "/opvasm.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9, strict_timestamps=False
) as archive:
    for base in (LIB, CACHE):
        for folder, folders, names in os.walk(base):
            folders[:] = sorted(each for each in folders if each != "__pycache__")
            for name in sorted(names):
                path = os.path.join(folder, name)
                archive.write(path, os.path.relpath(path, "/opvasm"))
