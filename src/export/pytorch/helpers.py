# Functions that exported files carry where they need them: PyTorch's own differ at ties, or count in other types.


def variable(x):
    """x as a variable of its own, of which gradients can be taken."""
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def gradient(of, by):
    """d of / d by, itself differentiable."""
    with torch.enable_grad():
        (found,) = torch.autograd.grad(of, by, create_graph=True, allow_unused=True)
    return torch.zeros_like(by) if found is None else found


def maximum(a, b):
    """The larger of two; at a tie the gradient goes to a."""
    return torch.where(a >= b, a, b)


def minimum(a, b):
    """The smaller of two; at a tie the gradient goes to a."""
    return torch.where(a <= b, a, b)


def axes_last(x, axes):
    """x with the axes merged into a last one."""
    kept = [axis for axis in range(x.dim()) if axis not in axes]
    return x.permute(kept + list(axes)).reshape([x.shape[axis] for axis in kept] + [-1])


def with_axes(y, axes, keepdim):
    """y with axes of size 1 put back."""
    for axis in axes if keepdim else ():
        y = y.unsqueeze(axis)
    return y


def place_of_largest(x, axes, keepdim):
    """Where the largest is, row-major within the axes; the first of equals."""
    return with_axes(axes_last(x, axes).argmax(-1).int(), axes, keepdim)


def place_of_smallest(x, axes, keepdim):
    """Where the smallest is, row-major within the axes; the first of equals."""
    return with_axes(axes_last(x, axes).argmin(-1).int(), axes, keepdim)


def largest(x, axes, keepdim):
    """The maximum over axes; its gradient goes to the first place that has it."""
    flat = axes_last(x, axes)
    return with_axes(pick(flat, flat.argmax(-1)), axes, keepdim)


def smallest(x, axes, keepdim):
    """The minimum over axes; its gradient goes to the first place that has it."""
    flat = axes_last(x, axes)
    return with_axes(pick(flat, flat.argmin(-1)), axes, keepdim)


def product(x, axes, keepdim):
    """The product over axes."""
    return with_axes(axes_last(x, axes).prod(-1).to(x.dtype), axes, keepdim)


def pick(x, ids):
    """One element of the last axis per row."""
    return x.gather(-1, ids.long().unsqueeze(-1)).squeeze(-1)


def one_hot(ids, count):
    """Rows of zeros with a one at the id."""
    return (ids.unsqueeze(-1) == torch.arange(count, device=ids.device)).float()


def scatter_add(ids, values, count):
    """Rows added into a table of zeros."""
    row = values.shape[ids.dim():]
    table = values.new_zeros((count,) + row)
    return table.index_add(0, ids.long().reshape(-1), values.reshape((-1,) + row))


def key_hash(text):
    """The 32-bit number of a key."""
    code = 0x811C9DC5
    for byte in text.encode("utf-16-le", "surrogatepass"):
        code = (code ^ byte) * 0x01000193 & WORD
    return mix(code)


WORD = 0xFFFFFFFF


def mix(x):
    """A bijection of 32-bit words that avalanches; of a number or of a tensor of int64."""
    x = (x ^ (x >> 16)) * 0x7FEB352D & WORD
    x = (x ^ (x >> 15)) * 0x846CA68B & WORD
    return x ^ (x >> 16)


class Random:
    """Random numbers by (seed, step, key, index): the same as in programs that nnc compiles, on any number of processes.

    `first` is the row of the whole batch that this process begins with.
    """

    def __init__(self, seed=0, step=0, first=0, device="cpu"):
        self.seed, self.step, self.first, self.device = seed, step, first, device

    def word(self, salt, key):
        x = mix(salt ^ (self.seed & WORD))
        x = mix(x ^ (self.seed >> 32 & WORD) ^ 0x632BE5AB)
        x = mix(x ^ (self.step & WORD) ^ 0x85157AF5)
        return mix(x ^ key)

    def bits(self, key, shape, by_row):
        count = math.prod(shape)
        start = self.first * (count // shape[0]) if by_row and shape[0] else 0
        index = torch.arange(start, start + count, device=self.device)
        a, b = self.word(0x9E3779B9, key_hash(key)), self.word(0x3C6EF372, key_hash(key))
        return mix(mix((index & WORD) ^ a) ^ b).reshape(shape)

    def uniform(self, key, shape, by_row=False):
        return (self.bits(key, shape, by_row) >> 8).float() / 16777216

    def normal(self, key, shape, by_row=False):
        """The normal quantile at (bits + 1/2) / 2^32: Wichura's algorithm AS 241."""
        bits = self.bits(key, shape, by_row)
        q = (bits.double() - 2147483647.5) / 4294967296
        middle = q * ratio(0.180625 - q * q, MIDDLE)
        odd = 2 * torch.where(q < 0, bits, WORD - bits) + 1
        tail = ratio(torch.sqrt(minus_log(odd)) - 1.6, TAIL)
        return torch.where(q.abs() <= 0.425, middle, torch.where(q < 0, -tail, tail)).float()


MIDDLE = (
    (3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946,
     45921.95393154987, 67265.7709270087, 33430.57558358813, 2509.0809287301227),
    (1.0, 42.31333070160091, 687.1870074920579, 5394.196021424751,
     21213.794301586597, 39307.89580009271, 28729.085735721943, 5226.495278852854),
)
TAIL = (
    (1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045,
     1.2704582524523684, 0.2417807251774506, 0.022723844989269184, 0.0007745450142783414),
    (1.0, 2.053191626637759, 1.6763848301838038, 0.6897673349851,
     0.14810397642748008, 0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-9),
)


def ratio(x, sides):
    """Of two polynomials, by Horner's rule."""
    over, under = (horner(x, side) for side in sides)
    return over / under


def horner(x, coefficients):
    y = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        y = y * x + c
    return y


def minus_log(count):
    """-log(count / 2^33): count = 2^e f with f about 1, and log f = 2 artanh(s) by its series."""
    f, e = torch.frexp(count.double())
    f, e = f * 2, e - 1
    high = f > math.sqrt(2)
    f, e = torch.where(high, f / 2, f), torch.where(high, e + 1, e)
    s = (f - 1) / (f + 1)
    t = s * s
    last = 1 / 15 + t * (1 / 17 + t * (1 / 19 + t / 21))
    series = last * t + 1 / 13
    for k in (11, 9, 7, 5, 3, 1):
        series = series * t + 1 / k
    return (33 - e) * math.log(2) - 2 * s * series
