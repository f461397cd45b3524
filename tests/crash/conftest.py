import re
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--crash-full", action="store_true", help="every crash point instead of a share of them")


@pytest.fixture(scope="session")
def full(request):
    return request.config.getoption("--crash-full")


def fresh(name):
    """A folder in the build folder: what a failure leaves must be there to be looked at, and to be repeated."""
    from edictd import BUILD

    folder = BUILD / "crash" / re.sub(r"[^a-zA-Z0-9_]+", "-", name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def folder(request):
    return fresh(request.node.name)


@pytest.fixture(scope="module")
def module_folder(request):
    return fresh(request.module.__name__)
