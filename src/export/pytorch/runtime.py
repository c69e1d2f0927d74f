# ---- Files ----


class Mistake(Exception):
    """What a user can mend: printed as one line."""


DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?", "BF16": "<u2",
}


def read_safetensors(path):
    """Tensors by name; nothing is read before the header is proven."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise Mistake(f"{path!r} is no sound safetensors file: it was cut")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            tensors = {}
            for name, entry in header.items():
                begin, end = entry["data_offsets"]
                kind, shape = numpy.dtype(DTYPES[entry["dtype"]]), [int(size) for size in entry["shape"]]
                if not 0 <= begin <= end <= size - 8 - length or end - begin != math.prod(shape) * kind.itemsize:
                    raise ValueError(f"the place of {name!r}")
                file.seek(8 + length + begin)
                values = numpy.frombuffer(file.read(end - begin), kind).reshape(shape)
                if entry["dtype"] == "BF16":
                    values = (values.astype("<u4") << 16).view("<f4")
                tensors[name] = values
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise Mistake(f"{path!r} is no sound safetensors file: {fault}") from None
    return tensors


def write_safetensors(path, tensors):
    """Whole or not at all: written beside, then moved."""
    names = {"float32": "F32", "int32": "I32", "bool": "BOOL", "uint8": "U8"}
    header, parts, at = {}, [], 0
    for name, values in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        data = numpy.ascontiguousarray(values).tobytes()
        kind = names[values.dtype.name]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{path}.part", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.part", path)


def read_idx(path):
    """An idx file of bytes, packed or not."""
    for name in (path, f"{path}.gz"):
        if os.path.exists(name):
            with (gzip.open if name.endswith(".gz") else open)(name, "rb") as file:
                data = file.read()
            rank = data[3]
            shape = [int.from_bytes(data[4 + 4 * k:8 + 4 * k], "big") for k in range(rank)]
            values = numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank)
            if data[2] != 8 or len(values) != math.prod(shape):
                raise Mistake(f"{name!r} is no idx file of bytes")
            return values.reshape(shape)
    raise Mistake(f"there is no file {path!r}, packed or not")


def find(folders, name):
    """A file that the model names: below one of the folders."""
    for folder in folders:
        for path in (os.path.join(folder, name), os.path.join(folder, f"{name}.gz")):
            if os.path.exists(path):
                return os.path.join(folder, name)
    raise Mistake(f"there is no file {name!r} in {' or '.join(map(repr, folders))}; name its folder with --data-dir")


def constant(folders, name, tensor, dtype):
    """A constant of the model."""
    path = find(folders, name)
    values = read_safetensors(path)[tensor] if tensor else numpy.load(path)
    return torch.from_numpy(numpy.array(values)).to(dtype)


# ---- Data ----


def read_csv(path, separator=",", header=None):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=separator) if row]

    def is_number(cell):
        try:
            return math.isfinite(float(cell))
        except ValueError:
            return False

    named = header if header is not None else not any(map(is_number, rows[0]))
    titles = [cell.strip() for cell in rows[0]] if named else []
    return titles, numpy.array(rows[1:] if named else rows, dtype=numpy.float64)


def width_of(shape):
    return math.prod(size for size in shape if size is not None)


def csv_columns(folders, positional, named):
    options = {name: value for name, value in named.items() if name in ("separator", "header")}
    titles, table = read_csv(find(folders, positional[0]), **options)
    total, found, at = table.shape[1], {}, 0

    def places(choice):
        if isinstance(choice, list):
            return [place for each in choice for place in places(each)]
        if isinstance(choice, dict):
            low, high = choice["range"]
            low, high = low or 0, total if high is None else high
            return list(range(low + total * (low < 0), high + total * (high < 0)))
        return [titles.index(choice) if isinstance(choice, str) else choice]

    for name, _, shape, _ in COLUMNS:
        width = width_of(shape)
        found[name] = table[:, places(named[name]) if name in named else list(range(at, at + width))]
        at += width
    return found


def text_columns(folders, positional, named):
    context = named.get("context", width_of(COLUMNS[0][2]))
    stride = named.get("stride", context)
    with open(find(folders, positional[0]), "rb") as file:
        data = file.read()
    if named.get("unit") == "chars":
        text = data.decode("utf-8-sig")
        place = {character: k for k, character in enumerate(sorted(set(text)))}
        tokens = numpy.array([place[character] for character in text], dtype=numpy.int32)
    else:
        tokens = numpy.frombuffer(data, numpy.uint8)
    rows = (len(tokens) - 1 - context) // stride + 1
    at = numpy.arange(rows)[:, None] * stride + numpy.arange(context)
    return [tokens[at], tokens[at + 1]]


def public_set(name, folders):
    """MNIST and its kin: the training images, then the test images."""
    for folder in (path for folder in folders for path in (os.path.join(folder, name), folder)):
        try:
            parts = [(read_idx(f"{folder}/{part}-images-idx3-ubyte"), read_idx(f"{folder}/{part}-labels-idx1-ubyte"))
                     for part in ("train", "t10k")]
        except Mistake:
            continue
        return [numpy.concatenate(column) for column in zip(*parts)]
    raise Mistake(f"{name} is not in {' or '.join(map(repr, folders))}; `nnc data fetch {name}` fetches it, --data-dir names its folder")


def open_columns(options, folders):
    """Each column of the model as an array of all rows, and the rows that the set keeps for testing."""
    source, positional, named, kept = None, [], {}, None
    if options.data:
        found = read_safetensors(options.data)
    elif DATA is None:
        raise Mistake("the model names no data: give its columns as a safetensors file, --data FILE")
    else:
        source, positional, named = DATA["source"], DATA["positional"], DATA["named"]
        if source in ("mnist", "fashion_mnist"):
            found, kept = public_set(source, folders), (60000, 70000)
        elif source == "csv":
            found = csv_columns(folders, positional, named)
        elif source == "text":
            found = text_columns(folders, positional, named)
        elif source == "safetensors":
            tensors = read_safetensors(find(folders, positional[0]))
            found = {name: tensors[named.get(name, name)] for name, *_ in COLUMNS}
        elif source in ("npy", "idx"):
            read = numpy.load if source == "npy" else read_idx
            files = {name: named[name] for name, *_ in COLUMNS if name in named} or positional
            found = ({name: read(find(folders, file)) for name, file in files.items()}
                     if isinstance(files, dict) else [read(find(folders, file)) for file in files])
        else:
            raise Mistake(f"{source} is made by nnc itself: give its columns as a safetensors file, --data FILE")
    columns = {}
    for k, (name, dtype, shape, classes) in enumerate(COLUMNS):
        try:
            values = found[name] if isinstance(found, dict) else found[k]
        except (KeyError, IndexError):
            raise Mistake(f"the data has no column for {name!r}") from None
        if values.size != len(values) * width_of(shape):
            raise Mistake(f"{name!r} takes {width_of(shape)} numbers per row, the data has {values.size // len(values)}")
        if classes is not None and len(values) and not (values.min() >= 0 and values.max() < classes):
            row = int(numpy.argmax(((values < 0) | (values >= classes)).reshape(len(values), -1).any(1)))
            raise Mistake(f"row {row} of {name!r} holds a number that is no class from 0 to {classes - 1}")
        if dtype == "float32" and values.dtype == numpy.uint8 and (source in ("mnist", "fashion_mnist") or source == "idx" and k == 0):
            values = values.astype(numpy.float32) / numpy.float32(255)
        columns[name] = values
    return columns, kept


def split(total, kept):
    """Positions of the rows to train on and to validate with."""
    named = DATA["named"] if DATA else {}

    def rows(name):
        if name not in named:
            return None
        items = named[name] if isinstance(named[name], list) else [named[name]]
        ends = [item["range"] if isinstance(item, dict) else [item, item + 1] for item in items]
        ends = [(low or 0, total if high is None else high) for low, high in ends]
        found = [numpy.arange(low + total * (low < 0), high + total * (high < 0)) for low, high in ends]
        found = numpy.concatenate(found)
        if len(found) and (found.min() < 0 or found.max() >= total):
            raise Mistake(f"{name} asks for rows that the data, with {total}, does not have")
        return found

    valid = rows("valid")
    test = rows("test")
    train = rows("train")
    if test is None:
        test = numpy.arange(*kept) if kept else numpy.arange(0)
    if valid is None:
        valid = numpy.arange(0)
    if train is None:
        train = numpy.setdiff1d(numpy.arange(total), numpy.concatenate([valid, test]))
    return train, valid if len(valid) else test


class Integers:
    """Bob Jenkins's sfc32: the order of rows is that of programs that nnc compiles."""

    def __init__(self, seed, stream):
        self.a, self.b, self.c, self.counter = seed & 0xFFFFFFFF, seed >> 32, stream & 0xFFFFFFFF, 1
        for _ in range(12):
            self.next()

    def next(self):
        total = (self.a + self.b + self.counter) & 0xFFFFFFFF
        self.counter = (self.counter + 1) & 0xFFFFFFFF
        self.a = self.b ^ (self.b >> 9)
        self.b = (self.c + (self.c << 3)) & 0xFFFFFFFF
        self.c = (((self.c << 21) | (self.c >> 11)) + total) & 0xFFFFFFFF
        return total

    def below(self, bound):
        fair = 2**32 - 2**32 % bound
        value = self.next()
        while value >= fair:
            value = self.next()
        return value % bound


def order(rows, seed, epoch):
    """The rows as they are shuffled for an epoch: Fisher and Yates, from the order of the file."""
    rows, numbers = list(rows), Integers(seed, epoch)
    for i in range(len(rows) - 1, 0, -1):
        j = numbers.below(i + 1)
        rows[i], rows[j] = rows[j], rows[i]
    return numpy.array(rows)


# ---- Training ----


class Team:
    """The processes that train together; one, unless torchrun or --nproc made more."""

    def __init__(self):
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        cuda = torch.cuda.is_available()
        if self.size > 1:
            torch.distributed.init_process_group("nccl" if cuda else "gloo")
        self.device = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if cuda else "cpu")

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


def load(model, optimizer, tensors, path):
    """Parameters and states from a file; those of the optimizer may be missing. All must fit before any is changed."""
    slots = {**model.slots(), **optimizer.state}
    required = model.slots()
    faults = [f"{name!r} {list(t.shape)} is missing" for name, t in required.items() if name not in tensors]
    extra = [name for name in tensors if name not in slots and not name.endswith(".num_batches_tracked")]
    faults += [f"{name!r} is no parameter or state of the model" for name in extra]
    faults += [f"{name!r} is {list(tensors[name].shape)} there and {list(t.shape)} in the model"
               for name, t in slots.items() if name in tensors and tensors[name].shape != tuple(t.shape)]
    if faults:
        more = f", and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise Mistake(f"{path!r} does not fit the model: {'; '.join(faults[:5])}{more}")
    with torch.no_grad():
        for name, slot in slots.items():
            if name in tensors:
                slot.copy_(torch.as_tensor(numpy.array(tensors[name]) if path else tensors[name]))


def train(options):
    team = Team()
    if team.device.type == "cpu" and options.threads:
        torch.set_num_threads(options.threads)
    folders = [folder for folder in (options.data_dir, os.environ.get("NNC_DATA_DIR"), os.path.dirname(os.path.abspath(__file__))) if folder]
    columns, kept = open_columns(options, folders)
    rows, held_out = split(min(map(len, columns.values())), kept)
    epochs, batch = options.epochs, options.batch
    per_epoch = len(rows) // batch if DROP_LAST else -(-len(rows) // batch)
    if per_epoch == 0:
        raise Mistake(f"there are no batches: {len(rows)} rows, {batch} per step")
    steps = epochs * per_epoch
    stop = steps if options.max_steps is None else min(steps, options.max_steps)

    model = Model(folders)
    optimizer = Optimizer(model)
    load(model, optimizer, start(options.seed), "")
    for prefix, name in INIT:
        tensors = read_safetensors(find(folders, name))
        whole = all(each.startswith(prefix) for each in tensors)
        own = {**{k: v.cpu().numpy() for k, v in model.slots().items()}}
        own.update(tensors if whole else {prefix + each: value for each, value in tensors.items()})
        load(model, optimizer, own, name)
    if options.init:
        load(model, optimizer, read_safetensors(options.init), options.init)
    model.to(team.device)
    optimizer.state = {name: value.to(team.device) for name, value in optimizer.state.items()}
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
            name = DATA["source"] if DATA and not options.data else "safetensors"
            log.write(f'{{"step":{step + 1},"epoch":{epoch + 1},"loss":{shown},"rows":{len(chosen)},"data":{json.dumps(name)}}}\n')
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
    if team.size > 1:
        torch.distributed.barrier()
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


def number(text):
    name, _, value = text.partition("=")
    return name, float(value)


def spawned(rank, arguments, count, port):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
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
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--batch", type=int, default=BATCH, help="rows per step, over all processes")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--max-steps", type=int, metavar="K", help="stop after K steps; schedules still plan for all")
    parser.add_argument("--init", metavar="FILE", help="start from the tensors of a safetensors file")
    parser.add_argument("--save", metavar="FILE", help="write parameters and states as safetensors at the end")
    parser.add_argument("--log", metavar="FILE", help="write a JSON object per step")
    parser.add_argument("--set", metavar="NAME=X", type=number, action="append", default=[], help="value of a run-time number")
    parser.add_argument("--nproc", type=int, default=1, metavar="K", help="train on K processes of this machine")
    parser.add_argument("--threads", type=int, metavar="K", help="threads of each process on a CPU")
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
        print(f"error: {mistake}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    status = main(sys.argv[1:])
    (leave if "RANK" in os.environ else sys.exit)(status)
