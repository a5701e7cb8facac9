"""Runs whose processes are killed, whose disk is full, whose samples end their worker."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vary.data.manifest import JOURNAL_NAME, read_journal, read_manifest, read_rejects
from vary.data.shards import file_sha256

PROGRAM = Path(__file__).with_name("mortal.py")
TIMEOUT_S = 120


def arguments(folder, workers, **options):
    given = [f"{name}={json.dumps(value)}" for name, value in options.items()]
    return [sys.executable, str(PROGRAM), str(folder), str(workers), *given]


def run(folder, workers=2, **options):
    return subprocess.run(
        arguments(folder, workers, **options),
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip


@pytest.fixture
def gate(tmp_path):
    """The file that a begun run waits for."""
    return tmp_path / "gate"


@pytest.fixture
def begun(tmp_path, gate):
    """A run of two workers whose first shard is finished, and whose third waits for the gate."""
    command = arguments(tmp_path / "set", 2, gate=str(gate))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline().startswith("shard")
        yield process
        gate.touch()
        process.kill()


def contents(folder):
    return {path.name: file_sha256(path) for path in folder.iterdir()}


def workers_of(process):
    """Return the process ids of a run's workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [int(pid) for pid, command in commands.items() if b"spawn_main" in command]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of a run that nothing happened to, in one process."""
    folder = tmp_path_factory.mktemp("whole") / "set"
    done = run(folder, 1)
    assert done.returncode == 0, done.stderr
    return contents(folder)


@needs_proc
def test_a_killed_worker_costs_its_shard_only(tmp_path, whole, begun, gate):
    os.kill(workers_of(begun)[0], signal.SIGKILL)
    gate.touch()
    said, _ = begun.communicate(timeout=TIMEOUT_S)
    assert begun.returncode == 0
    lost = [line for line in said.splitlines() if line.startswith("lost")]
    assert len(lost) == 1
    assert "its worker ended by SIGKILL" in lost[0]
    assert contents(tmp_path / "set") == whole


@needs_proc
def test_a_killed_run_goes_on_with_what_is_whole(tmp_path, whole, begun, gate):
    folder = tmp_path / "set"
    workers = workers_of(begun)
    begun.kill()
    gate.touch()
    begun.communicate(timeout=TIMEOUT_S)
    kept = {shard.record.name for shard in read_journal(folder)}
    assert 0 < len(kept) < 8
    assert {shard.name for shard in read_manifest(folder).shards} == kept
    before = {name: (folder / name).stat().st_mtime_ns for name in kept}
    end = time.monotonic() + TIMEOUT_S
    while any(map(is_alive, workers)):  # they see that their run is gone
        assert time.monotonic() < end
        time.sleep(0.05)
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert contents(folder) == whole
    assert {name: (folder / name).stat().st_mtime_ns for name in kept} == before


@needs_proc
def test_workers_end_with_an_interrupted_run(tmp_path, whole, begun):
    workers = workers_of(begun)
    os.killpg(begun.pid, signal.SIGINT)
    begun.communicate(timeout=TIMEOUT_S)
    assert begun.returncode != 0
    assert not any(map(is_alive, workers))
    assert run(tmp_path / "set").returncode == 0
    assert contents(tmp_path / "set") == whole


def test_samples_that_end_their_worker_are_found_and_dropped(tmp_path, whole):
    done = run(tmp_path / "set", 2, deadly=[7, 8, 31])
    assert done.returncode == 0, done.stderr
    assert "ended by SIGSEGV, at index 31" in done.stdout
    rejects = {line.index: line.reason for line in read_rejects(tmp_path / "set")}
    assert {index for index, reason in rejects.items() if reason == "worker died"} == {7, 8, 31}
    assert read_manifest(tmp_path / "set").rejects == {"a seventh": 5, "worker died": 3}
    found = contents(tmp_path / "set")
    same = {name for name in whole if found[name] == whole[name]}
    assert same == {f"part-{number:05d}.parquet" for number in (0, 2, 3, 4, 5, 7)}


def test_workers_that_die_before_any_sample_stop_the_run(tmp_path):
    done = run(tmp_path / "set", 2, unborn=True)
    assert done.returncode == 1
    assert "its worker died 3 times, and of no single sample" in done.stderr


def test_a_full_disk_stops_and_the_run_goes_on_later(tmp_path):
    folder = tmp_path / "set"
    done = run(folder, 2, disk=500_000, large=22)
    assert done.returncode == 1
    assert "part-00004.parquet: cannot be written" in done.stderr
    assert "the same command goes on" in done.stderr
    assert not list(folder.glob("*.partial"))
    kept = {shard.name for shard in read_manifest(folder).shards}
    assert len(kept) >= 3
    assert run(folder, 1, large=22).returncode == 0
    assert run(tmp_path / "at_once", 1, large=22).returncode == 0
    assert contents(folder) == contents(tmp_path / "at_once")


def test_what_is_wrong_with_the_machine_is_no_reject(tmp_path):
    done = run(tmp_path / "set", 1, faulty=[[12, errno.ENOSPC]])
    assert done.returncode == 1
    assert "cannot be written (No space left on device)" in done.stderr
    assert 12 not in {line.index for line in read_rejects(tmp_path / "set")}


def test_a_users_mistake_in_a_worker_is_told(tmp_path):
    done = run(tmp_path / "set", 2, faulty=[[12, "no such font"]])
    assert (done.returncode, "told: no such font" in done.stderr) == (1, True)


def test_two_runs_stay_out_of_one_folder(tmp_path):
    assert run(tmp_path, 1).returncode == 0
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        done = run(tmp_path, 1)
    finally:
        os.close(descriptor)
    assert (done.returncode, "another run is making this set" in done.stderr) == (1, True)


def test_a_torn_line_of_the_journal_costs_its_shard(tmp_path, whole):
    done = run(tmp_path / "set", 1, faulty=[[22, "stop here"]])
    assert done.returncode == 1
    journal = tmp_path / "set" / JOURNAL_NAME
    assert len(read_journal(tmp_path / "set")) == 4
    journal.write_bytes(journal.read_bytes()[:-20])
    assert len(read_journal(tmp_path / "set")) == 3
    assert run(tmp_path / "set", 1).returncode == 0
    assert contents(tmp_path / "set") == whole
