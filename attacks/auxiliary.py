"""Which parts of an attack know other images than the victim's."""

from collections.abc import Iterator

from attacks.priors import Product


def auxiliary_data(*parts: object) -> str:
    """What priors and canvases were fitted to, each once, or "none".

    A part that was fitted says so by an attribute `auxiliary_data`.
    """
    return ", ".join(dict.fromkeys(_said(parts))) or "none"


def _said(parts: tuple[object, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Product):
            yield from _said(part.factors)
        elif (said := getattr(part, "auxiliary_data", "none")) != "none":
            yield str(said)
