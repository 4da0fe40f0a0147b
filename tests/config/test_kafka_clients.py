"""What clients of Kafka are told, and that its secrets come from the environment alone."""

import pytest

from config.kafka_clients import client_options, registry_options
from config.problems import ConfigError
from config.secret_keys import load_secrets
from config.settings import load_settings

LOGIN = {"KIZUNA_KAFKA_USERNAME": "kizuna", "KIZUNA_KAFKA_PASSWORD": "s3cret"}


def kafka(**options):
    return load_settings(options={"kafka": options}).settings.kafka


def test_without_secrets_brokers_are_reached_as_the_options_say() -> None:
    options = client_options(kafka(brokers="a:1,b:2"), load_secrets({}))
    assert options == {"bootstrap.servers": "a:1,b:2", "client.id": "kizuna"}


def test_a_password_is_never_sent_in_the_clear_unless_somebody_says_so() -> None:
    options = client_options(kafka(), load_secrets(LOGIN))
    assert options["security.protocol"] == "SASL_SSL"
    assert options["sasl.mechanisms"] == "SCRAM-SHA-512"
    assert (options["sasl.username"], options["sasl.password"]) == ("kizuna", "s3cret")
    said = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    options = client_options(kafka(options=said), load_secrets(LOGIN))
    assert options["security.protocol"] == "SASL_PLAINTEXT"
    assert options["sasl.mechanisms"] == "PLAIN"
    assert "sasl.mechanism" not in options


def test_the_secrets_are_no_settings_and_are_not_missed() -> None:
    environ = LOGIN | {"KIZUNA_REGISTRY_AUTH": "me:pw"}
    assert load_settings(environ=environ).warnings == ()
    secrets = load_secrets(environ)
    assert (secrets.kafka, secrets.registry) == (("kizuna", "s3cret"), "me:pw")
    assert "s3cret" not in repr(secrets) and "pw" not in repr(secrets)
    assert not any("KAFKA" in warning for warning in load_secrets({}).warnings)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"KIZUNA_KAFKA_USERNAME": "u"}, "KIZUNA_KAFKA_PASSWORD is not set"),
        ({"KIZUNA_KAFKA_PASSWORD": "s3cret"}, "KIZUNA_KAFKA_USERNAME is not set"),
        ({"KIZUNA_REGISTRY_AUTH": "s3cret"}, "must be user:password"),
        ({"KIZUNA_REGISTRY_AUTH": ":s3cret"}, "must be user:password"),
    ],
)
def test_half_a_login_is_refused_and_not_quoted(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        load_secrets(environ)
    assert "s3cret" not in str(error.value)


def test_a_registry_is_optional() -> None:
    assert registry_options(kafka(), load_secrets({})) is None
    options = registry_options(
        kafka(schema_registry="https://r:8081"), load_secrets({"KIZUNA_REGISTRY_AUTH": "me:pw"})
    )
    assert options is not None
    assert options["url"] == "https://r:8081"
    assert options["basic.auth.user.info"] == "me:pw"
    assert registry_options(kafka(schema_registry="mock://x"), load_secrets({})) == {
        "url": "mock://x"
    }
