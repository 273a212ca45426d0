"""Training a torch network: seeds, the device, a line an epoch, and going on where another machine stopped.

Knows neither data nor networks. In a job, the state is kept in the folder that
`idlehands.checkpoint_dir()` names; by hand nothing is kept.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path

# cuBLAS is deterministic only with a fixed workspace, which it reads when it starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
from _table import job_module, report
from torch import nn

Batch = tuple[torch.Tensor, torch.Tensor]


def prepare(seed: int) -> torch.device:
    """Make what follows the same each time, and return the GPU, or the CPU where there is none."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    network: nn.Module,
    learn: Batch,
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    test: Callable[[], dict[str, float]],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> int:
    """Train until so many epochs are done, and return how many there are.

    Prints a line after each with what `test` says; goes on from a checkpoint of the
    same network where there is one, and ends early where the machine is wanted back.
    """
    inputs, answers = learn
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    job = job_module()
    file = None if job is None else Path(job.checkpoint_dir()) / "state.pt"
    done = _resume(file, network, optimizer)
    for epoch in range(done + 1, epochs + 1):
        network.train()
        # Drawn anew from seed and epoch, so that going on is the same as never having stopped.
        torch.manual_seed(seed * 100_003 + epoch)
        total = 0.0
        for rows in torch.randperm(len(inputs)).to(inputs.device).split(batch_size):
            batch = inputs[rows] if augment is None else augment(inputs[rows])
            optimizer.zero_grad()
            loss = loss_of(network(batch), answers[rows])
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(rows)
        network.eval()
        with torch.no_grad():
            report(epoch=epoch, epochs=epochs, loss=total / len(inputs), **test())
        _keep(file, network, optimizer, epoch)
        done = epoch
        if job is not None and job.should_stop():
            break
    network.eval()
    return done


def is_finite(network: nn.Module) -> bool:
    """Tell whether training has not diverged."""
    return all(math.isfinite(float(one.detach().abs().sum())) for one in network.parameters())


def _keep(file: Path | None, network: nn.Module, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    if file is None:
        return
    new = file.with_suffix(".new")
    torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, new)
    # A machine that loses power in the middle leaves the one before.
    new.replace(file)


def _resume(file: Path | None, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if file is None or not file.exists():
        return 0
    try:
        state = torch.load(file, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, KeyError, ValueError, OSError, EOFError) as error:
        print(f"the checkpoint cannot be used, training begins anew: {error}", flush=True)
        return 0
    print(f"going on after epoch {state['epoch']}", flush=True)
    return int(state["epoch"])
