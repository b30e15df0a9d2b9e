"""The server, for every test of the package."""

from collections.abc import Iterator

import pytest

from tests.datasets.download.server import Site, serve


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running
