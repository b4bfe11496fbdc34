"""Fixtures of the registry's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.user_home import UserHome


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UserHome:
    return UserHome(tmp_path, monkeypatch)
