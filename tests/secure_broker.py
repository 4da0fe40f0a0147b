"""A real Kafka that asks for a password over TLS, with certificates of an authority of its own.

Beside the listener without either, which only the test's own set-up uses.
"""

import datetime
import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker import HOME, demand_broker, stop_after
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scripts.kafka_broker import Broker
from scripts.ports import free_ports

MECHANISM = "SCRAM-SHA-512"
ANSWER_SECONDS = 30.0
RIGHTS = {
    ResourceType.TOPIC: (
        AclOperation.DESCRIBE,
        AclOperation.READ,
        AclOperation.WRITE,
        AclOperation.CREATE,
        AclOperation.ALTER,
        AclOperation.ALTER_CONFIGS,
        AclOperation.DESCRIBE_CONFIGS,
    ),
    ResourceType.GROUP: (AclOperation.READ,),
}


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Signs certificates; `certificate` is the file that clients trust."""

    certificate: Path
    _name: x509.Name
    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path, name: str) -> "Authority":
        key, subject = ec.generate_private_key(ec.SECP256R1()), _named(name)
        signed = (
            _certificate(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{name}.pem"
        file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return cls(certificate=file, _name=subject, _key=key)

    def sign_loopback(self, file: Path) -> None:
        """Key and certificate for 127.0.0.1, as Kafka's PEM key store."""
        key = ec.generate_private_key(ec.SECP256R1())
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        signed = (
            _certificate(_named("broker"), self._name, key.public_key())
            .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        own_key = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(own_key + signed.public_bytes(serialization.Encoding.PEM))


class SecureBroker(Broker):
    """The development broker with one listener more, at `secure_port`."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder / "data", home=HOME, heap_mib=256)
        self._keys = folder / "broker.pem"
        taken = (self.port, self._controller_port)
        self.secure_port = next(port for port in free_ports(3) if port not in taken)
        authority.sign_loopback(self._keys)

    @property
    def secure(self) -> str:
        """What clients with a password are told."""
        return f"127.0.0.1:{self.secure_port}"

    def own_properties(self) -> dict[str, str]:
        plain, secure = f"BROKER://{self.bootstrap}", f"SECURE://{self.secure}"
        prefix = "listener.name.secure"
        return {
            "listeners": f"{plain},{secure},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"{plain},{secure}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,SECURE:SASL_SSL,"
            "CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": MECHANISM,
            f"{prefix}.sasl.enabled.mechanisms": MECHANISM,
            f"{prefix}.{MECHANISM.lower()}.sasl.jaas.config": "org.apache.kafka.common.security"
            ".scram.ScramLoginModule required;",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",  # whoever comes without TLS: the test's own set-up
            f"{prefix}.ssl.keystore.type": "PEM",
            f"{prefix}.ssl.keystore.location": str(self._keys),
        }

    def admit(self, username: str, password: str) -> None:
        """Let a user in from now on, with the rights that docs/kafka.md names and no others."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        new = UserScramCredentialUpsertion(username, info, password.encode())
        asked = [*admin.alter_user_scram_credentials([new]).values()]
        asked += admin.create_acls([*_rights(username)]).values()
        for done in asked:
            done.result(ANSWER_SECONDS)


def _rights(username: str) -> Iterator[AclBinding]:
    for resource, operations in RIGHTS.items():
        for operation in operations:
            yield AclBinding(
                resource,
                "*",
                ResourcePatternType.LITERAL,
                f"User:{username}",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )


@contextmanager
def running_secure_broker(folder: Path) -> Iterator[tuple[SecureBroker, Authority]]:
    """The broker and the authority that signed for it; both end with the block."""
    demand_broker()
    authority = Authority.make(folder, "authority")
    broker = SecureBroker(folder, authority)
    watcher = stop_after(os.getpid(), folder)
    try:
        broker.start()
        yield broker, authority
    finally:
        broker.stop()
        watcher.terminate()
        watcher.wait(ANSWER_SECONDS)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
