"""PyTorch as a peer: eager, one thread, as its tutorials write it. Requests and answers are JSON lines; see serve.mjs."""

import ctypes
import json
import math
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)

with open(sys.argv[1]) as file:
    inputs = json.load(file)
rows = inputs["rows"]
lr = inputs["lr"]
start = np.fromfile(inputs["start"]["file"], dtype=np.float32)
P = {}
for t in inputs["start"]["tensors"]:
    size = math.prod(t["shape"])
    values = start[t["offset"] : t["offset"] + size].reshape(t["shape"])
    P[t["name"]] = torch.from_numpy(values.copy()).requires_grad_()

columns = {}
for c in inputs["columns"]:
    dtype = {"u8": np.uint8, "i32": np.int32}[c["dtype"]]
    columns[c["name"]] = np.fromfile(c["file"], dtype=dtype).reshape(-1, c["size"])
if inputs["workload"] == "gpt":
    X = torch.from_numpy(columns["x"].astype(np.int64))
    Y = torch.from_numpy(columns["target"].astype(np.int64))
else:
    X = torch.from_numpy(columns["x"].astype(np.float32) / np.float32(255))
    Y = torch.from_numpy(columns["target"].astype(np.int64).reshape(-1))


def log_softmax(z):
    return z - z.exp().sum(-1).log().unsqueeze(-1)


def logreg(x, y):
    # The tutorial's own functions: from scratch.
    out = log_softmax(x @ P["weights"] + P["bias"])
    return -out[range(y.shape[0]), y].mean()


def mlp(x, y):
    h = F.relu(F.linear(x, P["fc1.weight"], P["fc1.bias"]))
    return F.cross_entropy(F.linear(h, P["fc2.weight"], P["fc2.bias"]), y)


def mlp_big(x, y):
    h = F.relu(F.linear(x, P["fc1.weight"], P["fc1.bias"]))
    h = F.relu(F.linear(h, P["fc2.weight"], P["fc2.bias"]))
    return F.cross_entropy(F.linear(h, P["fc3.weight"], P["fc3.bias"]), y)


def cnn(x, y):
    h = x.view(-1, 1, 28, 28)
    for name in ("conv1", "conv2", "conv3"):
        h = F.relu(F.conv2d(h, P[name + ".weight"], P[name + ".bias"], stride=2, padding=1))
    return F.cross_entropy(F.avg_pool2d(h, 4).view(-1, 10), y)


heads = 4
mask = torch.full((64, 64), -math.inf).triu(1)


def gpt(x, y):
    n, t = x.shape
    h = F.embedding(x, P["tok"]) + P["pos"]
    d = h.shape[-1]
    for b in ("l0.", "l1."):
        ln = F.layer_norm(h, (d,), P[b + "ln1.weight"], P[b + "ln1.bias"])
        q, k, v = ((ln @ P[b + "qkv"]).view(n, t, 3, heads, d // heads).permute(2, 0, 3, 1, 4)).unbind(0)
        att = F.softmax(q @ k.transpose(-2, -1) / math.sqrt(d // heads) + mask, -1)
        h = h + (att @ v).transpose(1, 2).reshape(n, t, d) @ P[b + "out"]
        ln = F.layer_norm(h, (d,), P[b + "ln2.weight"], P[b + "ln2.bias"])
        h = h + F.gelu(ln @ P[b + "fc1"] + P[b + "fb1"], approximate="tanh") @ P[b + "fc2"] + P[b + "fb2"]
    logits = F.layer_norm(h, (d,), P["lnf.weight"], P["lnf.bias"]) @ P["head"]
    return F.cross_entropy(logits.view(n * t, -1), y.reshape(-1))


loss_of = {"logreg": logreg, "mlp": mlp, "mlp-big": mlp_big, "cnn": cnn, "gpt": gpt}[inputs["workload"]]
parameters = list(P.values())
if inputs["workload"] in ("mlp", "cnn"):
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=0.9)
elif inputs["workload"] in ("mlp-big", "gpt"):
    optimizer = torch.optim.Adam(parameters, lr=lr)
else:
    optimizer = None

at = 0


def step():
    global at
    k = at % inputs["batches"] * rows
    at += 1
    loss = loss_of(X[k : k + rows], Y[k : k + rows])
    if optimizer is None:
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= p.grad * lr
                p.grad.zero_()
    else:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss


def losses(steps, seconds):
    found = []
    begin = time.perf_counter()
    while len(found) < steps and (time.perf_counter() - begin < seconds or len(found) < 2):
        found.append(step().item())
    return {"losses": found}


def timed(steps):
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        step()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def answer(value):
    print(json.dumps(value), flush=True)


def blas():
    """The kernels that OpenBLAS chose for this processor."""
    try:
        name = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
    except (AttributeError, OSError):
        return "another BLAS"
    name.restype = ctypes.c_char_p
    return "OpenBLAS for " + name().decode()


answer({"version": f"{torch.__version__}, {blas()}"})
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "losses":
        answer(losses(request["steps"], request["seconds"]))
    elif request["do"] == "time":
        answer(timed(request["steps"]))
    else:
        answer({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024})
        break
