"""Builds the explorer's C engine along with the package, where there is a C compiler.

Without one the package is pure Python and does the same, more slowly.
"""

from __future__ import annotations

import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path("opvasm/explorer/native")


class EngineHook(BuildHookInterface[Any]):
    """Puts the engine beside its sources, and into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it; say why not where that fails."""
        if self.target_name != "wheel":
            return
        builder = runpy.run_path(str(Path(self.root) / NATIVE / "build.py"))
        try:
            built = builder["build"]()
        except builder["NotBuilt"] as reason:
            self.app.display_warning(f"the explorer's C engine was not built: {reason}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
        build_data["artifacts"].append(f"/{NATIVE / built.name}")
