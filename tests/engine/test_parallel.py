"""Two real processes have the gradients and losses of one; scores are gathered in order."""

import pytest
import torch
from torch import nn

from core.errors import UserError
from engine import parallel, reduction
from tests.launch import torchrun

TWO_PROCESSES = """
import torch
from torch import nn
from torch.nn.functional import mse_loss
from core import distributed as d
from core.errors import UserError
from engine.parallel import check_same_start, gather_split, wrap_network
from engine.reduction import check_loss, global_loss

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused, self.frozen = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(2, 2)
        self.frozen.requires_grad_(False)

    def forward(self, x):
        return self.frozen(self.used(x))

torch.set_default_dtype(torch.float64)
torch.manual_seed(5)
x, y = torch.randn(4, 5, 3), torch.randn(4, 5, 2)  # 4 steps of 5 images: 3 on rank 0, 2 on rank 1

def train(reduction, parts, static_graph):
    # The learnable weights of rank 1 differ here; wrapping gives them the values of rank 0.
    torch.manual_seed(d.rank() if parts > 1 else 0)
    net = Net()
    torch.manual_seed(9), net.frozen.reset_parameters()
    wrapped = wrap_network(net, static_graph=static_graph) if parts > 1 else net
    assert (wrapped is net) == (parts == 1)
    optim, values = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=0.1), []
    for step in range(4):
        mine = torch.arange(5).tensor_split(parts)[d.rank() if parts > 1 else 0]
        loss = mse_loss(wrapped(x[step, mine]), y[step, mine], reduction=reduction)
        if parts > 1:
            loss, value = global_loss(loss, reduction=reduction, num_images=len(mine))
        values.append((value if parts > 1 else loss).item())
        optim.zero_grad(set_to_none=True)
        loss.backward()
        optim.step()
    assert net.unused.weight.grad is None  # as on one process: no step, no decay
    return net, values

def raises(function, *arguments):
    try:
        function(*arguments)
    except UserError as error:
        return str(error)
    raise AssertionError("nothing was raised")

with d.session(use_cuda=False, timeout_minutes=10):
    r = d.rank()
    for reduction in ("sum", "mean"):
        for static_graph in (True, False):
            one, expected = train(reduction, 1, static_graph)
            two, values = train(reduction, 2, static_graph)
            assert torch.allclose(torch.tensor(values), torch.tensor(expected)), (reduction, values)
            for name, value in one.state_dict().items():
                assert torch.allclose(two.state_dict()[name], value, atol=1e-9), (reduction, name)
    assert wrap_network(nn.Linear(2, 2).requires_grad_(False)).weight.requires_grad is False

    index = [torch.tensor([4, 1]), torch.tensor([0])] if r == 0 else [torch.tensor([3, 2])]
    scores = [torch.stack([i, 10.0 * i], dim=1) for i in index]
    gathered, labels = gather_split(index, scores, [-s for s in scores], num_classes=2)
    assert gathered[:, 0].tolist() == [0, 1, 2, 3, 4] and torch.equal(labels, -gathered)
    # A split with fewer images than processes:
    mine = (index, scores, scores) if r == 1 else ([], [], [])
    assert gather_split(*mine, num_classes=2)[0][:, 0].tolist() == [2, 3]

    check_loss(nn.BCEWithLogitsLoss()), check_loss(nn.BCEWithLogitsLoss(reduction="sum"))
    assert "no attribute 'reduction'" in raises(check_loss, nn.Linear(1, 1))
    unreduced = nn.BCEWithLogitsLoss(reduction="none")
    assert "accepted: mean, sum" in raises(check_loss, unreduced)
    check_same_start({"LR": 1}, [1, 2, 3], "digest")
    for what, start in {
        "frozen weights": ({"LR": 1}, [1, 2, 3], f"digest {r}"),
        "settings": ({"LR": r}, [1, 2, 3], "digest"),
        "numbers of images": ({"LR": 1}, [1, r, 3], "digest"),
    }.items():
        assert f"different {what}" in raises(check_same_start, *start)
"""


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one(tmp_path):
    (tmp_path / "script.py").write_text(TWO_PROCESSES)
    result = torchrun("script.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]


def test_one_process_is_left_alone():
    network, loss = nn.Linear(2, 2), torch.tensor(2.0)
    assert parallel.wrap_network(network) is network
    assert reduction.global_loss(loss, reduction="mean", num_images=3) == (loss, 2.0)
    with pytest.raises(UserError, match="the loss Linear has no attribute 'reduction'"):
        reduction.check_loss(nn.Linear(1, 1))  # micro batches need it on one process, too
    index = [torch.tensor([1, 0]), torch.tensor([2])]
    scores, _ = parallel.gather_split(
        index, [torch.ones(2, 4), torch.zeros(1, 4)], [torch.ones(3, 4)], num_classes=4
    )
    assert scores.tolist() == [[1] * 4, [1] * 4, [0] * 4]


def test_the_reduction_of_every_loss_of_ours_is_true():
    from losses import LOSS_REGISTRY, build_loss

    label = torch.tensor([[1.0, 0.0, 1.0]])
    for name in LOSS_REGISTRY.registered_names():
        loss = build_loss(name)
        logits = torch.tensor(
            [[[0.3, -1.0, 0.2], [0.1, 0.4, -0.5]]] if loss.takes_pairs else [[0.3, -1.0, 0.2]]
        )
        twice = loss(logits.repeat(2, *[1] * (logits.dim() - 1)), label.repeat(2, 1))
        expected = {"sum": 2.0, "mean": 1.0}[loss.reduction] * loss(logits, label)
        assert torch.allclose(twice, expected), name
