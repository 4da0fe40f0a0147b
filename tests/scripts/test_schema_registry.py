"""The contracts against a registry: what is found and registered, and a registry that fails."""

import copy
import http.server
import threading

import msgspec
import pytest
from registry import running_registry
from typer.testing import CliRunner

from scripts.commands.schemas import schemas as command
from scripts.schema_registry import (
    SchemasRefused,
    check,
    contracts,
    differences,
    register,
)
from scripts.schema_registry import open_registry as open_by

SALE = "kizuna.events.Sale"


def changed(*fields, **types):
    """The contract of a sale with further fields, and with other types of those that it has."""
    sale = copy.deepcopy(contracts()[SALE])
    for field in sale["fields"]:
        field["type"] = types.get(field["name"], field["type"])
    sale["fields"] += fields
    return {SALE: sale}


REQUIRED = {"name": "till", "type": "string"}
OPTIONAL = {"name": "till", "type": ["null", "string"], "default": None}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with running_registry(tmp_path_factory.mktemp("registry") / "log") as url:
        yield url


def open_registry(url, auth=None):
    options = {"url": url, "timeout": 10, "max.retries": 0}
    return open_by(options | ({"basic.auth.user.info": auth} if auth else {}))


def states(findings):
    return [one.state for one in findings]


def test_every_contract_is_registered_once(registry):
    assert {one.state for one in check(open_registry(registry))} == {"new"}
    done = register(open_registry(registry))
    assert [one.subject for one in done] == list(contracts())
    found = check(open_registry(registry))
    assert {one.state for one in found} == {"registered"}
    # It came without any; a contract must not be left to whoever writes next.
    assert {one.level for one in found} == {"BACKWARD"}
    assert register(open_registry(registry)) == []


@pytest.mark.parametrize(
    ("schemas", "state", "said"),
    [
        (changed(OPTIONAL), "compatible", "+ till"),
        (changed(REQUIRED), "incompatible", "+ till without a default"),
        (changed(market="long"), "incompatible", "market: string → long"),
    ],
)
def test_what_may_follow_what(registry, schemas, state, said):
    subject = f"{SALE}.{state}{len(said)}"
    old, new = contracts()[SALE], schemas[SALE]
    register(open_registry(registry), {subject: old})
    (found,) = check(open_registry(registry), {subject: new})
    assert (found.state, found.detail) == (state, f"from version 1: {said}")
    if state == "compatible":
        assert states(register(open_registry(registry), {subject: new})) == ["compatible"]
        (found,) = check(open_registry(registry), {subject: old})
        assert (found.state, found.detail) == ("registered", "as version 1; the latest is 2")
    else:
        with pytest.raises(SchemasRefused, match=subject):
            register(open_registry(registry), {"x.New": old, subject: new})
        (found,) = check(open_registry(registry), {"x.New": old})
        assert found.state == "new"


def test_a_change_that_nobody_would_look_at_is_refused(registry):
    client = open_registry(registry)
    register(client, {"x.Lax": contracts()[SALE]})
    client.set_compatibility("x.Lax", "NONE")
    (found,) = check(open_registry(registry), {"x.Lax": changed(OPTIONAL)[SALE]})
    assert (found.state, found.level) == ("unchecked", "NONE")
    with pytest.raises(SchemasRefused, match="lets anything pass"):
        register(open_registry(registry), {"x.Lax": changed(OPTIONAL)[SALE]})


def test_the_subject_decides_what_is_compatible(registry):
    client = open_registry(registry)
    register(client, {"x.Full": changed(REQUIRED)[SALE]})
    without = {"x.Full": contracts()[SALE]}
    assert states(check(open_registry(registry), without)) == ["compatible"]
    client.set_compatibility("x.Full", "FORWARD")
    (found,) = check(open_registry(registry), without)
    assert (found.state, found.level) == ("incompatible", "FORWARD")
    assert found.detail == "from version 1: - till without a default"


def test_the_commands(registry, monkeypatch):
    monkeypatch.setattr("scripts.schema_registry.contracts", lambda: {"x.Cli": contracts()[SALE]})
    call = CliRunner().invoke
    arguments = ["--registry", registry]
    assert call(command, ["check", *arguments]).exit_code == 0
    done = call(command, ["register", *arguments])
    assert (done.exit_code, "new  x.Cli  NONE" in done.output) == (0, True)
    assert "Nothing to do" in call(command, ["register", *arguments]).output
    wrong = {"x.Cli": changed(REQUIRED)[SALE]}
    monkeypatch.setattr("scripts.schema_registry.contracts", lambda: wrong)
    for name in ("check", "register"):
        done = call(command, [name, *arguments])
        assert done.exit_code == 1
        assert "incompatible  x.Cli  BACKWARD  from version 1: + till without a" in done.output


def test_no_registry_is_configured():
    done = CliRunner(env={"COLUMNS": "200"}).invoke(command, ["check"])
    assert done.exit_code == 2
    assert "--registry" in done.output


def test_without_a_server():
    client = open_by({"url": "mock://contracts"})
    assert {one.state for one in check(client)} == {"new"}
    assert len(register(client)) == len(contracts())
    assert register(client) == []


@pytest.fixture
def failing():
    """A registry that answers everything with what `answer` says; what it was asked is kept."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers.get("Authorization")))
            status, body = self.server.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"error_code": 40101, "message": "Unauthorized"}, "Unauthorized"),
        (500, {"error_code": 50001, "message": "Error in the backend"}, "Error in the backend"),
        (503, "<html>", "503"),
        (404, "<html>", "404"),  # an address where something else is
        (200, "<html>", "Expecting value"),
        (200, ["no", "object"], ""),
    ],
)
def test_a_registry_that_fails(failing, status, body, said):
    text = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    failing.answer = status, text
    url = f"http://127.0.0.1:{failing.server_port}"
    with pytest.raises(ConnectionError, match="doesn't answer as it should") as failed:
        check(open_registry(url, "user:secret"))
    assert said in str(failed.value)
    assert "secret" not in str(failed.value)
    assert failing.asked[0] == ("/config", "Basic dXNlcjpzZWNyZXQ=")


def test_a_registry_that_is_down(failing):
    url = f"http://127.0.0.1:{failing.server_port}"
    failing.server_close()
    with pytest.raises(ConnectionError, match="doesn't answer"):
        check(open_registry(url))


def test_what_differs_is_said_by_field():
    old = {"fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 1}]}
    inner = {"type": "record", "name": "R", "fields": [{"name": "c", "type": "int"}]}
    other = {"type": "record", "name": "R", "fields": [{"name": "c", "type": "long", "doc": "d"}]}
    nested = {"fields": [{"name": "r", "type": {"type": "array", "items": inner}}]}
    changed_nested = {"fields": [{"name": "r", "type": {"type": "array", "items": other}}]}
    assert list(differences(old, old)) == []
    assert list(differences(old, {"fields": []})) == ["- a without a default", "- b"]
    assert list(differences({"fields": []}, old)) == ["+ a without a default", "+ b"]
    assert list(differences(nested, changed_nested)) == ["r[].c: int → long"]
    bare = {"fields": [{"name": "a", "type": ["null", "int"]}, {"name": "b", "type": "int"}]}
    assert list(differences(old, bare)) == [
        "a: int → null or int",
        "b is now without a default",
    ]
