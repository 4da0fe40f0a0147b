"""Fixtures for all tests."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from broker import end_shared_broker, shared_broker

settings.register_profile("nightly", max_examples=10_000)
"""For `make test-nightly`: of the tests that don't say themselves how many examples they try."""

_SHARED = pytest.StashKey[Path]()
"""The folder of the broker that all processes of a test run share."""


def pytest_configure(config):
    """The process that the others are children of names the folder."""
    if not hasattr(config, "workerinput"):
        config.stash[_SHARED] = Path(tempfile.mkdtemp(prefix="kizuna-tests-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """pytest-xdist: tell a child."""
    node.workerinput["shared_broker"] = str(node.config.stash[_SHARED]), os.getpid()


def pytest_unconfigure(config):
    """All tests of all processes are over."""
    folder = config.stash.get(_SHARED, None)
    if folder is not None:
        end_shared_broker(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def broker(request):
    """`host:port` of a real Kafka that all tests share: choose topic names of your own.

    Skipped where Java or Maven is missing, a failure with KIZUNA_TEST_NEEDS_BROKER=1. To stop or
    kill one, take a `broker.running_broker()`.
    """
    folder = request.config.stash.get(_SHARED, None)
    if folder is not None:
        return shared_broker(folder, os.getpid())
    folder, owner = request.config.workerinput["shared_broker"]
    return shared_broker(Path(folder), owner)
