import pytest
from unit.recording.recorded import Collected


@pytest.fixture
def collected():
    return Collected()
