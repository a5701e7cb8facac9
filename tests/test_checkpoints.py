import pytest

from vary import checkpoints
from vary.errors import VaryError


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    for name in ("nano", "micro"):
        (tmp_path / "package" / name).mkdir(parents=True)
        (tmp_path / "package" / name / "config.json").write_text("{}")
    (tmp_path / "package" / "__pycache__").mkdir()
    monkeypatch.setattr(checkpoints, "__file__", str(tmp_path / "package" / "__init__.py"))
    return tmp_path / "package"


def test_bundled_checkpoints_are_found_by_name(bundle):
    assert checkpoints.find_checkpoint("nano") == bundle / "nano"
    assert list(checkpoints.bundled_checkpoints()) == ["micro", "nano"]


def test_a_checkpoint_is_found_by_its_folder(bundle, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    assert checkpoints.find_checkpoint(tmp_path / "mine") == tmp_path / "mine"


def test_an_unknown_model_names_the_known_ones_and_how_to_give_a_path(bundle):
    with pytest.raises(VaryError, match=r"'nanu'.*known: micro, nano.*path of a folder"):
        checkpoints.find_checkpoint("nanu")


def test_a_folder_that_holds_no_checkpoint(bundle, tmp_path):
    with pytest.raises(VaryError, match=r"no config\.json; give the folder"):
        checkpoints.find_checkpoint(tmp_path)


def test_an_installation_without_checkpoints_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(VaryError, match="known: none in this installation"):
        checkpoints.find_checkpoint("nano")
