"""The same bytes from a Ray cluster, lost workers or not."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vary.data import ray_pool
from vary.data.making import Run
from vary.data.manifest import read_manifest
from vary.data.pool import Task
from vary.data.schema import Sample
from vary.data.shards import begun_manifest, file_sha256
from vary.errors import MissingExtraError, VaryError

PROGRAM = Path(__file__).with_name("mortal.py")
TIMEOUT_S = 280

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")


def arguments(folder, **options):
    given = [f"{name}={json.dumps(value)}" for name, value in options.items()]
    return [sys.executable, str(PROGRAM), str(folder), "2", *given]


def contents(folder):
    return {path.name: file_sha256(path) for path in folder.iterdir()}


def ray_workers(process):
    """Return the process ids of the cluster's workers that are at a task of the run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
            session = os.getsid(int(path.parent.name))
        except (OSError, ProcessLookupError):
            continue
        if command.startswith(b"ray::_make_task") and session == process.pid:
            found.append(int(path.parent.name))
    return found


@needs_ray
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_a_cluster_that_loses_workers_makes_the_same_bytes(tmp_path):
    deadly = {"deadly": [8]}
    here = arguments(tmp_path / "here", **deadly)
    subprocess.run(here, check=True, capture_output=True, timeout=TIMEOUT_S)
    process = subprocess.Popen(
        arguments(tmp_path / "ray", **deadly, pause_s=0.3, ray="local"),
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline()
        killed = ray_workers(process)
        assert killed
        os.kill(killed[0], signal.SIGKILL)
        said, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "lost" in said
    assert read_manifest(tmp_path / "ray").rejects["worker died"] == 1
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


class Digits:
    """Texts of random numbers, and of one letter more for each machine."""

    name = "digits"

    def __init__(self, version=1):
        self.version = version

    def sample(self, index, rng):
        if index == 99:
            raise VaryError("no such font")
        return Sample("", (), "document", "en", "text", str(rng.integers(1 << 30)))

    def length_hint(self, index):
        return 9

    def config(self):
        return {"version": self.version}


@pytest.fixture
def setup(tmp_path):
    """Return a function that gives what a task gets, as the driver's machine has it."""
    run = Run(tmp_path / "set", 100, 1, 5)
    run.folder.mkdir()

    def make(build=Digits):
        manifest = begun_manifest(Digits(), run)
        return ray_pool._Setup(build, run, manifest, tmp_path, f".shared-{id(build)}")

    ray_pool._engine_here.clear()
    yield make
    ray_pool._engine_here.clear()


def test_a_worker_that_sees_the_folder_writes_there(setup):
    given = setup()
    (given.run.folder / given.mark).touch()
    finished = ray_pool._make_task(given, Task(range(5, 10)))
    assert (given.run.folder / finished.record.name).stat().st_size == finished.record.size_bytes


def test_a_worker_that_sees_no_folder_sends_the_same_bytes(setup, tmp_path):
    given = setup()
    sent = ray_pool._make_task(given, Task(range(5, 10), frozenset({7})))
    assert not list(given.run.folder.iterdir())
    assert sent.finished.record.rejects == {"worker died": 1}

    class Ray:
        exceptions = pytest.importorskip("ray").exceptions
        put = staticmethod(lambda value: value)
        remote = staticmethod(lambda **_: lambda function: function)

    driver = ray_pool._Driver(Ray, given, print)
    assert driver._kept(sent) == sent.finished
    assert file_sha256(given.run.folder / "part-00001.parquet") == sent.finished.record.sha256
    shutil.rmtree(given.run.folder)
    with pytest.raises(VaryError, match="cannot be written"):
        driver._kept(sent)


def test_a_machine_that_would_make_other_bytes_is_named(setup):
    answer = ray_pool._make_task(setup(lambda: Digits(2)), Task(range(5)))
    assert isinstance(answer, VaryError)
    assert "would make other bytes" in str(answer)
    assert "configuration.version: 1 -> 2" in str(answer)


def test_a_users_mistake_comes_back_as_such(setup):
    answer = ray_pool._make_task(setup(), Task(range(95, 100)))
    assert (type(answer), str(answer)) == (VaryError, "no such font")


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"vary\[ray\]"):
        ray_pool.ray_pool("auto")


@needs_ray
def test_no_cluster_is_told_in_one_line(tmp_path):
    code = (
        "from vary.data.ray_pool import _connected\n"
        "from vary.errors import VaryError\n"
        "try:\n    _connected('auto', 1).__enter__()\n"
        "except VaryError as error:\n    print(error)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, timeout=TIMEOUT_S, env=environment,
    )  # fmt: skip
    assert "--ray auto: no cluster answers" in done.stdout
    assert "ray start --head" in done.stdout
