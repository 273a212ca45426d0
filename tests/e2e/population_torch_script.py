"""A member of a population as docs/search.md has it: torch, and it goes on from what its parent left."""

import argparse
import json
import os

import torch

import idlehands  # the one that comes with the agent

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--dropout", type=float, default=0.0)
parser.add_argument("--epochs", type=int, default=3, help="in each generation")
args = parser.parse_args()

torch.set_num_threads(1)
torch.manual_seed(7)
x = torch.randn(256, 4)
y = torch.sin(x.sum(dim=1, keepdim=True))
# Worse than any trained one: who starts over is seen.
model = torch.nn.Sequential(
    torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Dropout(args.dropout), torch.nn.Linear(32, 1)
)
with torch.no_grad():
    model[3].bias.fill_(10.0)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)


def evaluate() -> float:
    model.eval()
    with torch.no_grad():
        return float(torch.nn.functional.mse_loss(model(x), y))


path = os.path.join(idlehands.checkpoint_dir(), "state.pt")
epoch = 0
if os.path.exists(path):
    state = torch.load(path)
    model.load_state_dict(state["model"])
    epoch = state["epoch"]
begins = {"epoch": epoch, "loss": evaluate()}
while epoch < (idlehands.generation() + 1) * args.epochs:
    torch.manual_seed(epoch)
    model.train()
    for rows in torch.randperm(256).split(32):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x[rows]), y[rows]).backward()
        optimizer.step()
    epoch += 1
    torch.save({"model": model.state_dict(), "epoch": epoch}, path + ".partial")
    os.replace(path + ".partial", path)
    idlehands.report(step=epoch, loss=evaluate())
print(json.dumps({"loss": evaluate(), "epoch": epoch, "begins": begins}))
