"""Joining processes and exchanging values, on two real processes and on one; wrong environments."""

import tempfile

import pytest
import torch

from core import distributed
from core.errors import UserError
from tests.launch import torchrun

LAUNCH = {
    "RANK": "0",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "1",
}

TWO_PROCESSES = """
import os, torch, torch.distributed
from core import distributed as d
from core.errors import UserError
from core.seed import make_generator, part_ranks, set_seed

def raises(function, error=UserError):
    try:
        function()
    except error as caught:
        return str(caught)
    raise AssertionError("nothing was raised")

def fail():
    raise UserError("not on rank 1")

with d.session(use_cuda=False, timeout_minutes=10):
    r = d.rank()
    print(f"rank {r} prints")
    assert (d.world_size(), d.is_main(), d.local_rank(), d.local_world_size()) == (2, r == 0, r, 2)
    mine = torch.tensor([1.0, r])
    assert d.all_reduce_sum(mine).tolist() == [2, 1] and mine.tolist() == [1, r]
    rows = torch.arange(3 * r, dtype=torch.int64).view(-1, 3) + 10 * r  # (0, 3) and (1, 3)
    assert d.all_gather_rows(rows).tolist() == [[10, 11, 12]]
    assert d.all_gather_rows(torch.full((1 + r, 2), float(r))).tolist() == [[0, 0], [1, 1], [1, 1]]
    assert d.all_gather_rows(torch.empty(0, 2)).shape == (0, 2)
    assert d.all_gather_objects({"rank": r}) == [{"rank": 0}, {"rank": 1}]
    assert d.gather_objects(r) == ([0, 1] if r == 0 else None)
    assert d.from_main(lambda: {"rank": r, "x": torch.ones(2)})["rank"] == 0
    assert raises(lambda: d.from_main(fail)) == "not on rank 1"
    d.check_identical("names", ["a"], "repair it")
    fault = raises(lambda: d.check_identical("ids", [r], "repair it"))
    assert fault == "rank 1 and rank 0 have different ids; repair it"
    with d.local_main_first():
        assert (r == 0) != os.path.exists("downloaded")
        open("downloaded", "a").close()
    set_seed(-1)
    draws = torch.stack([torch.rand(2), torch.rand(2, generator=make_generator(-1, 3))])
    assert torch.equal(*d.all_gather_rows(draws[None])), "a random start differs"
    part_ranks()
    assert not torch.equal(*d.all_gather_rows(torch.rand(1, 4))), "ranks would drop the same units"
    assert d.first_to_report(f"only rank {r} finds this")
    assert sum(d.all_gather_objects(d.first_to_report("both find this"))) == 1
assert not torch.distributed.is_initialized() and d.world_size() == 1
print(f"rank {r} is done", flush=True)
"""


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """Run the script above on two processes; return result and temporary folder of the caller."""
    folder, temporary = tmp_path_factory.mktemp("script"), tmp_path_factory.mktemp("temporary")
    (folder / "script.py").write_text(TWO_PROCESSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        patch.setenv("TMPDIR", str(temporary))
        return torchrun("script.py", cwd=folder), temporary


def test_two_processes_see_each_other(launched):
    result, _ = launched
    assert result.returncode == 0, result.stderr[-3000:]
    assert "rank 0 prints" in result.stdout and "rank 1 prints" not in result.stdout
    assert "rank 0 is done" in result.stdout and "rank 1 is done" in result.stdout


def test_a_launch_leaves_nothing_in_the_temporary_folder(launched):
    _, temporary = launched
    assert list(temporary.iterdir()) == []


def test_one_process_changes_nothing():
    with distributed.session(use_cuda=False):
        assert not torch.distributed.is_initialized()
        assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
        assert (distributed.local_rank(), distributed.local_world_size()) == (0, 1)
        rows = torch.ones(2, 3)
        assert (
            distributed.all_reduce_sum(rows) is rows and distributed.all_gather_rows(rows) is rows
        )
        assert distributed.all_gather_objects("a") == distributed.gather_objects("a") == ["a"]
        assert distributed.from_main(lambda: 3) == 3
        distributed.check_identical("numbers", 1, "")
        with distributed.local_main_first():
            distributed.barrier()
    with pytest.raises(KeyError), distributed.session(use_cuda=False):
        raise KeyError("errors pass through")


def test_launch_environment():
    assert distributed.read_launch({"MASTER_ADDR": "localhost"}) is None
    assert distributed.read_launch({**LAUNCH, "RANK": "1", "LOCAL_WORLD_SIZE": "2"}) == {
        "RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"LOCAL_RANK": ""},
            "RANK, WORLD_SIZE set but LOCAL_RANK not: start several processes with torchrun",
        ),
        ({"MASTER_PORT": ""}, "MASTER_PORT not"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'; expected a whole number"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"RANK": "2"}, "RANK is 2; expected less than WORLD_SIZE, which is 2"),
    ],
)
def test_a_half_set_environment_is_one_line(change, expected, monkeypatch):
    for name, value in {**LAUNCH, **change}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=expected) as caught, distributed.session(use_cuda=False):
        pass
    assert "\n" not in str(caught.value)


def test_more_processes_than_gpus_is_one_line(monkeypatch):
    place = {"RANK": 0, "WORLD_SIZE": 4, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 4}
    distributed.check_num_gpus(place, 4)
    with pytest.raises(
        UserError, match="4 processes on a machine with 2 GPUs; expected --nproc-per-node 2 at most"
    ):
        distributed.check_num_gpus(place, 2)
    for name, value in {**LAUNCH, "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="2 processes on a machine with 1 GPU;"):
        distributed.init(use_cuda=True)


def test_processes_that_do_not_come_are_one_line(monkeypatch):
    for name, value in {
        **LAUNCH,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "9",
        "RANK": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        UserError, match=r"the 2 processes did not find each other at 127\.0\.0\.1:9"
    ) as caught:
        distributed.init(use_cuda=False, timeout_minutes=0.02)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("local_rank", "speaks"), [("0", True), ("3", False), ("", True), ("x", True)]
)
def test_before_they_meet_one_process_of_a_machine_speaks(local_rank, speaks, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", local_rank)
    assert distributed.first_to_report("a mistake in the command line") is speaks
