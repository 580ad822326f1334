import pytest
from unit.llm.recorded import Application


@pytest.fixture
def application():
    return Application()
