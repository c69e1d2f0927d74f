# Files of tensors, as exported programs carry them: Debian has no package for safetensors.


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
                elif entry["dtype"] in ("U64", "U32", "U16"):
                    values = values.astype("<i8")  # PyTorch has no such types.
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


def find(folders, name):
    """A file that the model names: below one of the folders."""
    for folder in folders:
        for path in (os.path.join(folder, name), os.path.join(folder, f"{name}.gz")):
            if os.path.exists(path):
                return os.path.join(folder, name)
    raise Mistake(f"there is no file {name!r} in {' or '.join(map(repr, folders))}; name its folder with --data-dir")


def read_npy(path):
    try:
        return numpy.load(path)
    except ValueError as fault:
        raise Mistake(f"{path!r} is no npy file of numbers: {fault}") from None


def named_tensor(path, name):
    """One tensor of a safetensors file."""
    tensors = read_safetensors(path)
    if name not in tensors:
        raise Mistake(f"{path!r} has no tensor {name!r}")
    return tensors[name]


def constant(folders, name, tensor, dtype):
    """A constant of the model."""
    path = find(folders, name)
    values = named_tensor(path, tensor) if tensor else read_npy(path)
    return torch.from_numpy(numpy.array(values)).to(dtype)
