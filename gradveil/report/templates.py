"""Pages are made from templates that escape what they are given, and know all that they are asked for."""

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def template(path: str) -> Template:
    """The template at this path below `gradveil/report`."""
    environment = Environment(
        loader=PackageLoader("gradveil.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(path)


@dataclass(frozen=True, slots=True)
class Script:
    """A script to put inline, and the digest by which a Content-Security-Policy allows it and no other."""

    text: str
    digest: str


def script(path: str) -> Script:
    """The script at this path below `gradveil/report`."""
    text = (resources.files("gradveil.report") / path).read_text("utf-8")
    return Script(text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())
