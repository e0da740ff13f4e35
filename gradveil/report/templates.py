"""Pages are made from templates that escape what they are given, and know all that they are asked for."""

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
