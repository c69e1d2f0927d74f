# Data as exported programs carry it: a reader for each source, which rows are for what, and their order.


def read_idx(path):
    """An idx file of bytes, packed or not."""
    for name in (path, f"{path}.gz"):
        if os.path.exists(name):
            with (gzip.open if name.endswith(".gz") else open)(name, "rb") as file:
                data = file.read()
            rank = data[3] if len(data) > 3 else 0
            shape = [int.from_bytes(data[4 + 4 * k:8 + 4 * k], "big") for k in range(rank)]
            values = numpy.frombuffer(data[4 + 4 * rank:], numpy.uint8)
            if rank == 0 or data[2] != 8 or len(values) != math.prod(shape):
                raise Mistake(f"{name!r} is no idx file of bytes")
            return values.reshape(shape)
    raise Mistake(f"there is no file {path!r}, packed or not")


def unit(pixels):
    """Bytes as numbers from 0 to 1."""
    return pixels.astype(numpy.float32) / numpy.float32(255)


def read_csv(path, separator=",", header=None):
    """The titles of a table, if it has any, and its numbers."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=separator) if row]

    def is_number(cell):
        try:
            return math.isfinite(float(cell))
        except ValueError:
            return False

    if not rows:
        raise Mistake(f"{path!r} has no rows")
    named = header if header is not None else not any(map(is_number, rows[0]))
    titles = [cell.strip() for cell in rows[0]] if named else []
    try:
        return titles, numpy.array(rows[1:] if named else rows, dtype=numpy.float64)
    except ValueError as fault:
        raise Mistake(f"{path!r} is no table of numbers: {fault}") from None


def width_of(shape):
    return math.prod(size for size in shape if size is not None)


def csv_columns(path, chosen, separator=",", header=None):
    """Columns of a table by name, number or range; in their order where none is chosen."""
    titles, table = read_csv(path, separator, header)
    total, found, at = table.shape[1], {}, 0

    def places(choice):
        if isinstance(choice, list):
            return [place for each in choice for place in places(each)]
        if isinstance(choice, tuple):
            low, high = choice
            low, high = low or 0, total if high is None else high
            return list(range(low + total * (low < 0), high + total * (high < 0)))
        if isinstance(choice, str) and choice not in titles:
            raise Mistake(f"{path!r} has no column {choice!r}; it has {', '.join(map(repr, titles)) or 'no titles'}")
        return [titles.index(choice) if isinstance(choice, str) else choice]

    for name, _, shape, _ in COLUMNS:
        width = width_of(shape)
        wanted = places(chosen[name]) if name in chosen else list(range(at, at + width))
        if any(not -total <= place < total for place in wanted):
            raise Mistake(f"{path!r} has {total} columns, too few for {name!r}")
        found[name] = table[:, wanted]
        at += width
    return found


def text_windows(path, context, stride, characters=False):
    """Windows of a text's bytes or characters, and the same windows one place on."""
    with open(path, "rb") as file:
        data = file.read()
    if characters:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Mistake(f"{path!r} is not UTF-8 text") from None
        place = {character: k for k, character in enumerate(sorted(set(text)))}
        tokens = numpy.array([place[character] for character in text], dtype=numpy.int32)
    else:
        tokens = numpy.frombuffer(data, numpy.uint8)
    rows = (len(tokens) - 1 - context) // stride + 1
    if rows < 1:
        raise Mistake(f"{path!r} has {len(tokens)} tokens, and one row takes {context + 1}")
    at = numpy.arange(rows)[:, None] * stride + numpy.arange(context)
    return tokens[at], tokens[at + 1]


def image_set(name, folders):
    """Images and labels of MNIST or its kin: those to train on, then those to test with."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nnc")
    for folder in (path for folder in (*folders, cache) for path in (os.path.join(folder, name), folder)):
        try:
            parts = [(read_idx(f"{folder}/{part}-images-idx3-ubyte"), read_idx(f"{folder}/{part}-labels-idx1-ubyte"))
                     for part in ("train", "t10k")]
        except Mistake:
            continue
        return [numpy.concatenate(column) for column in zip(*parts)]
    raise Mistake(f"{name} is not in {' or '.join(map(repr, folders))}; "
                  f"`nnc data fetch {name}` fetches it, --data-dir names its folder")


def open_columns(path, folders):
    """Each column of the model as an array of all rows: from the file, or from the model's own data."""
    found = read_safetensors(path) if path else read_data(folders)
    columns = {}
    for name, _, shape, classes in COLUMNS:
        if name not in found:
            raise Mistake(f"the data has no column for {name!r}")
        values, width = found[name], width_of(shape)
        if values.ndim == 0 or values.size != len(values) * width:
            raise Mistake(f"{name!r} takes {width} numbers per row, the data is {list(values.shape)}")
        if classes is not None and len(values) and not (values.min() >= 0 and values.max() < classes):
            row = int(numpy.argmax(((values < 0) | (values >= classes)).reshape(len(values), -1).any(1)))
            raise Mistake(f"row {row} of {name!r} holds a number that is no class from 0 to {classes - 1}")
        columns[name] = values
    return columns


def split(total, ranges):
    """Positions of the rows to train on and to validate with."""
    def rows(name):
        if name not in ranges:
            return None
        ends = [(low, total if high is None else high) for low, high in ranges[name]]
        found = [numpy.arange(low + total * (low < 0), high + total * (high < 0)) for low, high in ends]
        found = numpy.concatenate(found)
        if len(found) and (found.min() < 0 or found.max() >= total):
            raise Mistake(f"{name} asks for rows that the data, with {total}, does not have")
        return found

    nothing = numpy.arange(0)
    train, valid, test = rows("train"), rows("valid"), rows("test")
    valid, test = (nothing if part is None else part for part in (valid, test))
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
