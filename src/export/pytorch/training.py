# The training loop that exported programs carry, alone or with DistributedDataParallel.


class Team:
    """The processes that train together; one, unless torchrun or --nproc made more."""

    def __init__(self):
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        self.here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        # nccl takes a GPU of its own for each process.
        cuda = torch.cuda.device_count() >= self.here
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(self.device)
            # Convolutions with all bits of float32, as they are computed everywhere else.
            torch.backends.cudnn.allow_tf32 = False
        if self.size > 1:
            torch.distributed.init_process_group("nccl" if cuda else "gloo")

    def share(self, rows):
        """This process's rows of a batch, where they begin, and their weight in the whole; never none at all."""
        low, high = len(rows) * self.rank // self.size, len(rows) * (self.rank + 1) // self.size
        if low == high:
            return rows[:1], 0, 0.0
        return rows[low:high], low, (high - low) / len(rows)

    def sum(self, value):
        if self.size == 1:
            return float(value)
        total = torch.tensor(float(value), dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(total)
        return float(total)

    def print(self, *words):
        if self.rank == 0:
            print(*words, flush=True)


def batch_of(columns, rows, device):
    """The columns of these rows, as the model takes them."""
    return [
        torch.from_numpy(numpy.ascontiguousarray(columns[name][rows])).to(getattr(torch, dtype)).reshape(
            [-1 if size is None else size for size in shape]).to(device)
        for name, dtype, shape, _ in COLUMNS
    ]


def fill(slots, tensors):
    """Copies tensors into the slots of their names."""
    with torch.no_grad():
        for name, tensor in tensors.items():
            if name in slots:
                # numpy.array: torch takes no array that is read-only, as those of files are.
                slots[name].copy_(tensor if torch.is_tensor(tensor) else torch.from_numpy(numpy.array(tensor)))


def check(path, tensors, slots, required):
    """All tensors must fit before any is copied; the first five differences are told."""
    faults = [f"{name!r} {list(slots[name].shape)} is missing" for name in required if name not in tensors]
    # PyTorch counts batches in its own layers.
    extra = [name for name in tensors if name not in slots and not name.endswith(".num_batches_tracked")]
    faults += [f"{name!r} is no parameter or state of the model" for name in extra]
    faults += [f"{name!r} is {list(tensors[name].shape)} there and {list(slot.shape)} in the model"
               for name, slot in slots.items() if name in tensors and tensors[name].shape != tuple(slot.shape)]
    if faults:
        more = f", and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise Mistake(f"{path!r} does not fit the model: {'; '.join(faults[:5])}{more}")


def load(model, optimizer, path):
    """Parameters and states from a file; those of the optimizer may be missing."""
    tensors, slots = read_safetensors(path), {**model.slots(), **optimizer.state}
    check(path, tensors, slots, model.slots())
    fill(slots, tensors)


def load_below(prefix, model, path):
    """Parameters below a path of the model from a file, whose names may leave that path out."""
    tensors = read_safetensors(path)
    if not all(name.startswith(prefix) for name in tensors):
        tensors = {prefix + name: tensor for name, tensor in tensors.items()}
    slots = {name: slot for name, slot in model.slots().items() if name.startswith(prefix)}
    check(path, tensors, slots, slots)
    fill(slots, tensors)


def train(options):
    team = Team()
    # Schedules may divide by step 0: infinite, as in programs that nnc compiles.
    numpy.seterr(all="ignore")
    if team.device.type == "cpu":
        # Each process would take all cores, and wait for the others' threads.
        torch.set_num_threads(options.threads or max(1, torch.get_num_threads() // team.here))
    folders = [folder for folder in (options.data_dir, os.environ.get("NNC_DATA_DIR"), os.path.dirname(os.path.abspath(__file__))) if folder]
    columns = open_columns(options.data, folders)
    rows, held_out = split(min(map(len, columns.values())), ROWS if options.data else {**TEST, **ROWS})
    epochs, batch = options.epochs, options.batch
    per_epoch = len(rows) // batch if DROP_LAST else -(-len(rows) // batch)
    if per_epoch == 0:
        raise Mistake(f"there are no batches: {len(rows)} rows, {batch} per step")
    steps = epochs * per_epoch
    stop = steps if options.max_steps is None else min(steps, options.max_steps)

    for path in filter(None, (options.save, options.log)):
        if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            raise Mistake(f"there is no folder for {path!r}")

    model = Model(folders).to(team.device)
    optimizer = Optimizer(model)
    fill(model.slots(), start(options.seed))
    for prefix, name in INIT:
        load_below(prefix, model, find(folders, name))
    if options.init:
        load(model, optimizer, options.init)
    model.numbers.update(options.numbers, steps=float(steps))
    shared = model
    if team.size > 1:
        shared = torch.nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)

    log = open(options.log, "w") if options.log and team.rank == 0 else None
    began, seen = time.monotonic(), 0
    shuffled = rows
    for step in range(stop):
        epoch, at = divmod(step, per_epoch)
        if SHUFFLE and at == 0:
            shuffled = order(rows, options.seed, epoch)
        chosen = shuffled[at * batch:(at + 1) * batch]
        own, first, weight = team.share(chosen)
        model.numbers.update(step=float(step), epoch=float(epoch))
        model.random = Random(options.seed, step, first, team.device)
        model.train()
        model.zero_grad(set_to_none=True)
        loss, _, states = shared(*batch_of(columns, own, team.device))
        # DDP takes the mean of the processes' gradients: each loss is scaled so that this is the gradient of the whole.
        (loss * (team.size * weight if LOSS_IS_MEAN else team.size * (weight > 0))).backward()
        optimizer.step(model.numbers)
        for name, value in states.items():
            if team.size > 1:
                value = value * weight
                torch.distributed.all_reduce(value)
            model.slots()[name].data.copy_(value)
        value = team.sum(loss.detach() * (weight if LOSS_IS_MEAN else float(weight > 0)))
        seen += len(chosen)
        if log:
            shown = json.dumps(value) if math.isfinite(value) else "null"
            data = "safetensors" if options.data else DATA
            log.write(f'{{"step":{step + 1},"epoch":{epoch + 1},"loss":{shown},"rows":{len(chosen)},"data":"{data}"}}\n')
        if not math.isfinite(value):
            team.print(f"diverged: the loss is {value} at step {step + 1}")
            return 3
        if at == per_epoch - 1 or step == stop - 1:
            team.print(f"epoch {epoch + 1}/{epochs}  step {step + 1}  loss {value:.6g}")
    seconds = max(time.monotonic() - began, 1e-9)
    team.print(f"{stop} steps in {seconds:.2f} s, {stop / seconds:.0f} steps/s, {seen / seconds:.0f} rows/s")
    if len(held_out):
        report(model, columns, held_out, batch, team)
    if log:
        log.close()
    if options.save and team.rank == 0:
        write_safetensors(options.save, {name: value.detach().cpu().numpy()
                                         for name, value in {**model.slots(), **optimizer.state}.items()})
        team.print(f"saved {options.save}")
    # All wait until it is saved.
    team.sum(0)
    return 0


def report(model, columns, rows, batch, team):
    """Means of loss and metrics over the held-out rows; each process takes every so many batches."""
    model.eval()
    sums = {}
    for at in range(team.rank * batch, len(rows), team.size * batch):
        own = rows[at:at + batch]
        inputs = batch_of(columns, own, team.device)
        with torch.set_grad_enabled(NEEDS_GRADIENTS):
            loss, outputs, _ = model(*inputs)
            results = {"loss": loss, **model.metrics(outputs, *inputs)}
        for name, value in results.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(own)
    means = {name: team.sum(sums.get(name, 0.0)) / len(rows) for name in ("loss", *METRICS)}
    team.print(f"held out, {len(rows)} rows: " + ", ".join(f"{name} {value:.4f}" for name, value in means.items()))


def named_number(text):
    name, _, value = text.partition("=")
    return name, float(value)


def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def natural(text):
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def spawned(rank, arguments, count, port):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), LOCAL_WORLD_SIZE=str(count),
                      MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    leave(main(arguments))


def leave(code):
    """Ends a process of several at once: gloo of torch 1.13 may wait for its own threads for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(arguments):
    parser = argparse.ArgumentParser(description=f"Trains {MODEL}.")
    parser.add_argument("--data-dir", metavar="DIR", help="where the data lies; else NNC_DATA_DIR, then this file's folder")
    parser.add_argument("--data", metavar="FILE", help="the model's columns as tensors of a safetensors file")
    parser.add_argument("--epochs", type=natural, default=EPOCHS)
    parser.add_argument("--batch", type=positive, default=BATCH, help="rows per step, over all processes")
    parser.add_argument("--seed", type=natural, default=SEED)
    parser.add_argument("--max-steps", type=natural, metavar="K", help="stop after K steps; schedules still plan for all")
    parser.add_argument("--init", metavar="FILE", help="start from the tensors of a safetensors file")
    parser.add_argument("--save", metavar="FILE", help="write parameters and states as safetensors at the end")
    parser.add_argument("--log", metavar="FILE", help="write a JSON object per step")
    parser.add_argument("--set", metavar="NAME=X", type=named_number, action="append", default=[], help="value of a run-time number")
    parser.add_argument("--nproc", type=positive, default=1, metavar="K", help="train on K processes of this machine")
    parser.add_argument("--threads", type=positive, metavar="K", help="threads of each process on a CPU")
    for name in NUMBERS:
        if name == "lr" or name.endswith(".lr"):
            parser.add_argument(f"--{name}", type=float, metavar="X", dest=name)
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name, None) for name in NUMBERS}
    options.numbers = {**{name: value for name, value in given.items() if value is not None}, **dict(options.set)}
    unknown = [name for name in options.numbers if name not in NUMBERS]
    if unknown:
        parser.error(f"this model has no run-time number {unknown[0]!r}; it has {', '.join(NUMBERS) or 'none'}")
    if options.nproc > 1 and "RANK" not in os.environ:
        import torch.multiprocessing as processes

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        try:
            processes.spawn(spawned, (arguments, options.nproc, port), options.nproc)
        except processes.ProcessExitedException as ended:
            return ended.exit_code
        return 0
    try:
        return train(options)
    except (Mistake, OSError) as mistake:
        # What is wrong with one process is mostly wrong with all of a machine.
        if os.environ.get("LOCAL_RANK", "0") == "0":
            print(f"error: {mistake}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    status = main(sys.argv[1:])
    (leave if "RANK" in os.environ else sys.exit)(status)
