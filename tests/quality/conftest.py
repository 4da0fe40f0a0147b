"""The small city of all tests of expectations, run once."""

import pytest
from quality_run import Ran, run_a_city


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_a_city(tmp_path_factory.mktemp("quality"))
