"""Folders that are there whole or not at all, and may be read by whom the umask lets."""

import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from vary.errors import VaryError
from vary.model.folders import grant_modes, whole_folder


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request):
    kept = os.umask(request.param)
    yield request.param
    os.umask(kept)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_weights_have_the_mode_of_other_files(umask, tmp_path):
    with whole_folder(tmp_path / "out") as beside:
        (beside / "inner").mkdir()
        save_file({"a": torch.zeros(2)}, beside / "inner" / "model.safetensors")
        (beside / "config.json").touch()
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == ["config.json", "model.safetensors"]
    assert {mode_of(path) for path in files} == {0o666 & ~umask}
    assert mode_of(tmp_path / "out" / "inner") == 0o777 & ~umask


def test_what_a_link_points_to_is_left_alone(tmp_path):
    (tmp_path / "far").write_text("far", encoding="utf-8")
    (tmp_path / "far").chmod(0o600)
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "link").symlink_to(tmp_path / "far")
    grant_modes(tmp_path / "near")
    assert mode_of(tmp_path / "far") == 0o600


def test_what_goes_wrong_leaves_nothing(tmp_path):
    with pytest.raises(VaryError, match="as told"), whole_folder(tmp_path / "out") as beside:
        (beside / "half").touch()
        raise VaryError("as told")
    assert not list(tmp_path.iterdir())
