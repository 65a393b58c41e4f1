"""The fixture of the report's unit tests."""

import pytest

from tests.support.report_data import MadeUpLab


@pytest.fixture
def lab_data():
    return MadeUpLab()
