"""Secrets come from the environment, are checked, and are never shown."""

import base64

import pytest

from config.problems import ConfigError
from config.secret_keys import decode_settings, load_secrets
from config.settings import load_settings
from transforms.decode import Decoder

HEX = "ab" * 16


def test_without_variables_development_values_and_a_warning_each() -> None:
    secrets = load_secrets({})
    assert [warning.split(" ")[0] for warning in secrets.warnings] == [
        "KIZUNA_PEPPER",
        "KIZUNA_QUARANTINE_KEY",
        "KIZUNA_ERASURE_KEY",
    ]
    assert load_secrets({"KIZUNA_PEPPER": ""}) == secrets
    Decoder(decode_settings(load_settings().settings, secrets))


def test_peppers_of_several_versions() -> None:
    secrets = load_secrets({"KIZUNA_PEPPER": f"v2:{HEX}{HEX}, v1:{HEX}"})
    assert [(pepper.version, len(pepper.key)) for pepper in secrets.peppers] == [
        ("v2", 32),
        ("v1", 16),
    ]
    assert len(secrets.warnings) == 2


@pytest.mark.parametrize("size", [32, 64])
def test_the_quarantine_key_in_hex_or_base64(size: int) -> None:
    key = bytes(range(size))
    for text in (key.hex(), base64.b64encode(key).decode()):
        assert load_secrets({"KIZUNA_QUARANTINE_KEY": text}).quarantine_key == key


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("KIZUNA_PEPPER", HEX, "item 1: must be v<number>:<hex>"),
        ("KIZUNA_PEPPER", f"v1:{HEX},2:{HEX}", "item 2: must be v<number>:<hex>"),
        ("KIZUNA_PEPPER", f"v1:{HEX}x", "the part behind the colon is not hex"),
        ("KIZUNA_PEPPER", "v1:abab", "item 1: must have at least 16 bytes; got 2"),
        ("KIZUNA_PEPPER", f"v1:{HEX},v1:{HEX}", "item 2: v1 stands twice"),
        ("KIZUNA_QUARANTINE_KEY", HEX, "must have 32 or 64 bytes; got 16"),
        ("KIZUNA_QUARANTINE_KEY", "ab_cd", "must be hex or base64"),
    ],
)
def test_wrong_secrets_are_refused_and_not_quoted(name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_secrets({name: text})
    assert str(error.value).startswith(f"environment {name}: $: ")
    assert said in str(error.value)
    assert "abab" not in str(error.value)


def test_both_are_checked_before_anything_is_said() -> None:
    with pytest.raises(ConfigError) as error:
        load_secrets({"KIZUNA_PEPPER": "x", "KIZUNA_QUARANTINE_KEY": "x"})
    assert len(error.value.problems) == 2


def test_no_secret_is_shown() -> None:
    secrets = load_secrets({"KIZUNA_PEPPER": f"v1:{HEX}", "KIZUNA_QUARANTINE_KEY": HEX * 2})
    shown = repr(secrets) + repr(decode_settings(load_settings().settings, secrets))
    assert "xab" not in shown and "abab" not in shown
