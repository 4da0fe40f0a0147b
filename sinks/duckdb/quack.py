"""Where a warehouse that is being written can be read: the address, the token, the extension.

DuckDB's Quack protocol is an extension of DuckDB. Its file comes with the packages
duckdb-extension-quack and duckdb-extension-httpfs and fits exactly one version of DuckDB;
nothing is downloaded. The process that serves a warehouse leaves its address and its token
beside the run's other journals, and takes them away when it ends; after a `kill -9` they
stay, so an address is only where to try.
"""

import importlib.util
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
import msgspec

ADDRESS_FILE: Final = "quack.json"
TOKEN_FILE: Final = "quack.token"
_EXTENSIONS: Final = ("httpfs", "quack")
"""In the order in which they load: Quack talks HTTP."""


class NoQuack(RuntimeError):
    """The extension isn't installed, or is another version's."""


@dataclass(frozen=True)
class Address:
    """Where a warehouse is served. The token lets its holder in, so it isn't printed."""

    uri: str
    process: int
    token: str = field(repr=False)


class _Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What `quack.json` holds."""

    address: str
    process: int


def load_quack(con: duckdb.DuckDBPyConnection) -> None:
    """Make `quack_serve` and `quack_query` known to a connection, from files of this machine."""
    for name in _EXTENSIONS:
        try:
            con.execute(f"LOAD '{_extension_file(name)}'")
        except duckdb.Error as error:
            raise NoQuack(
                f"the extension {name} doesn't load in DuckDB {duckdb.__version__}: "
                f"{str(error).splitlines()[0]}"
            ) from error


def _extension_file(name: str) -> Path:
    package = f"duckdb_extension_{name}"
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise NoQuack(f"{package} isn't installed: pip install 'kizuna[live]'")
    folder = Path(next(iter(found.submodule_search_locations))) / "extensions"
    file = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.exists():
        there = ", ".join(sorted(one.name.removeprefix("v") for one in folder.glob("v*")))
        raise NoQuack(
            f"{package} is for DuckDB {there or 'another version'}, installed is "
            f"{duckdb.__version__}: pip install 'kizuna[live]'"
        )
    return file


def announce(journal: Path, uri: str) -> Address:
    """Draw a token and leave it with the address; only this user may read the token."""
    journal.mkdir(parents=True, exist_ok=True)
    withdraw(journal)
    address = Address(uri=uri, process=os.getpid(), token=secrets.token_hex(32))
    # Made anew and closed to others from its first byte; a link left here isn't followed.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(journal / TOKEN_FILE, flags, 0o600), "w", encoding="ascii") as file:
        file.write(address.token)
    fresh = journal / f"{ADDRESS_FILE}.new"
    fresh.write_bytes(msgspec.json.encode(_Announced(address=uri, process=address.process)))
    fresh.replace(journal / ADDRESS_FILE)
    return address


def announced(journal: Path) -> Address | None:
    """The address that was left, if any. Whether anybody listens there is for trying."""
    try:
        said = msgspec.json.decode((journal / ADDRESS_FILE).read_bytes(), type=_Announced)
        token = (journal / TOKEN_FILE).read_text(encoding="ascii")
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return Address(uri=said.address, process=said.process, token=token)


def withdraw(journal: Path) -> None:
    """Take address and token away."""
    (journal / ADDRESS_FILE).unlink(missing_ok=True)
    (journal / TOKEN_FILE).unlink(missing_ok=True)


def sql_text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
