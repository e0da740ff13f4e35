import pytest

from gradveil.audit import ConfigError, load_config, load_preset, preset_names
from gradveil.audit.toml import load_suite, parse, suite_names

VALID = """\
name = "tiny"
models = ["lenet"]
victims = 1
attacks = ["guess"]

[[defenses]]
kind = "identity"

[[defenses]]
kind = "selective_ckks"
strategy = "magnitude"
ratios = [0.1]
"""


def test_a_valid_file_becomes_a_configuration(tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text(VALID)
    config = load_config(path)
    assert config.name == "tiny"
    assert [spec.kind for spec in config.defenses] == ["identity", "selective_ckks"]


def test_every_preset_is_valid():
    assert "quick" in preset_names()
    for name in preset_names():
        assert load_preset(name).name == name


def test_every_suite_is_valid():
    assert "seeds" in suite_names()
    for suite in suite_names():
        assert {name: config.name for name, config in load_suite(suite).items()} == {
            name: f"{suite}-{name}" for name in load_suite(suite)
        }


def test_unknown_suite_names_the_known_ones():
    with pytest.raises(ConfigError, match="seeds"):
        load_suite("quick")


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(ConfigError, match="quick"):
        load_preset("slow")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml")


def test_bytes_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(path)


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("victims = 1", "victims = 0", 3, "victims"),
        ("victims = 1", 'victims = "five"', 3, "victims"),
        ("victims = 1", "victim = 1", 3, "victim"),
        ('models = ["lenet"]', "models = []", 2, "models"),
        ("ratios = [0.1]", "ratios = [1.5]", 12, "defenses.1.ratios.0"),
        ('strategy = "magnitude"', 'strategy = "best"', 11, "defenses.1.strategy"),
        ('kind = "identity"', 'kind = "magic"', 6, "defenses.0"),
        ("ratios = [0.1]", "", 9, "defenses.1"),
        ("ratios = [0.1]", "ratios = [0.1]\n[utility]\nrounds = 0", 14, "utility.rounds"),
        ("ratios = [0.1]", "ratios = [0.1]\n[utility]\nround = 9", 14, "utility.round"),
    ],
)
def test_a_bad_field_is_reported_with_file_line_and_field(old, new, line, field):
    with pytest.raises(ConfigError) as caught:
        parse(VALID.replace(old, new), "audit.toml")
    message = str(caught.value)
    assert message.startswith(f"audit.toml, line {line}, field {field!r}: ")
    assert "\n" not in message


def test_a_missing_field_is_named():
    with pytest.raises(ConfigError, match="'attacks'"):
        parse(VALID.replace('attacks = ["guess"]', ""), "audit.toml")


def test_bad_syntax_is_reported_with_its_line():
    with pytest.raises(ConfigError, match=r"audit\.toml: not valid TOML: .*line 3"):
        parse(VALID.replace("victims = 1", "victims = = 1"), "audit.toml")
