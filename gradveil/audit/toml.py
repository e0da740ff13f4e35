"""Reading configurations, with errors that name file, line and field."""

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from gradveil.audit.config import AuditConfig
from gradveil.audit.specs import DefenseSpec
from gradveil.exchange import GradveilError

_PRESETS = resources.files("gradveil.audit") / "presets"


class ConfigError(GradveilError):
    """A configuration is missing or malformed."""


def preset_names() -> tuple[str, ...]:
    """Names of the shipped configurations."""
    return _names(_PRESETS)


def suite_names() -> tuple[str, ...]:
    """Names of shipped sets of audits that belong together."""
    return tuple(sorted(entry.name for entry in _PRESETS.iterdir() if entry.is_dir()))


def load_preset(name: str) -> AuditConfig:
    """A shipped configuration.

    Raises:
        ConfigError: unknown name.
    """
    if name not in preset_names():
        known = ", ".join(sorted((*preset_names(), *suite_names())))
        raise ConfigError(f"no preset {name!r}; choose among {known}")
    return parse((_PRESETS / f"{name}.toml").read_text("utf-8"), f"preset {name}")


def load_suite(name: str) -> dict[str, AuditConfig]:
    """The audits of a shipped set, by name.

    Raises:
        ConfigError: unknown name.
    """
    if name not in suite_names():
        raise ConfigError(f"no suite {name!r}; choose among {', '.join(suite_names())}")
    folder = _PRESETS / name
    return {
        one: parse((folder / f"{one}.toml").read_text("utf-8"), f"{name}/{one}") for one in _names(folder)
    }


def _names(folder: Traversable) -> tuple[str, ...]:
    files = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def load_config(path: Path) -> AuditConfig:
    """A configuration file.

    Raises:
        ConfigError: missing, not TOML, or a field that is unknown, missing or out of range.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {str(path)!r}; give a TOML file in UTF-8 or --preset") from error
    return parse(text, str(path))


def parse(text: str, source: str) -> AuditConfig:
    """Check a configuration; `source` names it in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not valid TOML: {error}; correct the syntax there") from error
    try:
        return AuditConfig.model_validate(table)
    except ValidationError as error:
        raise ConfigError(_describe(error, text, source)) from error


def _describe(error: ValidationError, text: str, source: str) -> str:
    # A misspelt field is also a missing one; the misspelling is the one that stands in the file.
    first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    path = [part for part in first["loc"] if not (isinstance(part, str) and part in _KINDS)]
    field = ".".join(str(part) for part in path)
    message = first["msg"].removeprefix("Value error, ")
    if not path:
        return f"{source}: {message}"
    return f"{source}, line {_line_of(path, text)}, field {field!r}: {message}; correct this field"


_KINDS = {
    kind
    for spec in get_args(get_args(DefenseSpec)[0])
    for kind in get_args(spec.model_fields["kind"].annotation)
}


def _line_of(path: list[int | str], text: str) -> int:
    """Line of the deepest part of the path that stands in the text as a key or a table header."""
    lines, found = text.splitlines(), 1
    start = 0
    for part, following in zip(path, [*path[1:], None], strict=True):
        if isinstance(part, int):
            continue
        entry = following if isinstance(following, int) else 0
        matches = [n for n in range(start, len(lines)) if _is_named(lines[n], part)]
        if not matches:
            break
        start = matches[min(entry, len(matches) - 1)]
        found = start + 1
    return found


def _is_named(line: str, key: str) -> bool:
    stripped = line.strip()
    return stripped.strip("[]").strip() == key or stripped.partition("=")[0].strip() == key
