"""The playground's links, as playground/src/link.ts writes and reads them."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path


def fragment(name: str, text: str, **more: str) -> str:
    """``#z=…``: JSON, compressed by deflate without a header, in base64 for addresses."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    value = json.dumps({"name": name, "text": text, **more}, ensure_ascii=False)
    packed = packer.compress(value.encode("utf-8")) + packer.flush()
    return "#z=" + base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def playground(page: str) -> str:
    """The way from a page (``tutorial.md``, which becomes ``tutorial/``) to the playground."""
    inner = page.removesuffix(".md").removesuffix("index")
    depth = len([each for each in inner.split("/") if each])
    return "../" * depth + "playground/index.html"


def link(page: str, name: str, text: str, **more: str) -> str:
    """The address that opens a text in the playground, as seen from a page."""
    return playground(page) + fragment(name, text, **more)


def sample_link(samples: Path, name: str, page: str, **more: str) -> str:
    """The address that opens a sample (``races/list.opv``)."""
    return link(page, name, (samples / name).read_text("utf-8", "replace"), **more)
