"""Tensor: an array, its gradient, and the node that made it. Names and defaults are PyTorch's.

`apply` is the one place where an operation of ops.py meets the tape. Everything below it is one
line per name.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import ops
from weft.autograd.device import CPU, check_device
from weft.autograd.engine import Node, backward_pass
from weft.autograd.mode import is_grad_enabled
from weft.autograd.printing import tensor_text
from weft.kernels import active

if TYPE_CHECKING:
    from weft.autograd.graph import Graph

Array = NDArray[Any]
Number = int | float


def apply(op: Callable[..., Any], *inputs: Any, **options: Any) -> Tensor:
    """Run an operation of ops.py on tensors, and put it on the tape if a gradient will be wanted.

    `inputs` may be tensors, arrays, numbers or None; `options` are passed on as they are.
    """
    array, backward = op(*[t.array if isinstance(t, Tensor) else t for t in inputs], **options)
    output = Tensor(array)
    record(op.__name__, inputs, (output,), backward)
    return output


def apply_several(op: Callable[..., Any], *inputs: Any, **options: Any) -> tuple[Tensor, ...]:
    """`apply` for an operation with several results."""
    arrays, backward = op(*[t.array if isinstance(t, Tensor) else t for t in inputs], **options)
    outputs = tuple(Tensor(array) for array in arrays)
    record(op.__name__, inputs, outputs, backward)
    return outputs


def record(
    name: str, inputs: tuple[Any, ...], outputs: tuple[Tensor, ...], backward: Callable[..., Any]
) -> None:
    """Make `outputs` the results of one node, if any of `inputs` requires a gradient."""
    if not is_grad_enabled():
        return
    wanted = [t if isinstance(t, Tensor) and t.requires_grad else None for t in inputs]
    for tensor in wanted:
        if tensor is not None:
            node = Node(name, tuple(wanted), backward, len(outputs))
            for index, output in enumerate(outputs):
                output.requires_grad, output.node, output.index = True, node, index
            return


def unary(op: Callable[..., Any]) -> Callable[[Any], Tensor]:
    """The method that applies `op` to its tensor."""
    return lambda self: apply(op, self)


def binary(op: Callable[..., Any]) -> Callable[[Any, Any], Tensor]:
    """The method that applies `op` to its tensor and one more operand."""
    return lambda self, other: apply(op, self, other)


def swapped(op: Callable[..., Any]) -> Callable[[Any, Any], Tensor]:
    """As `binary`, for `number - tensor`: the other operand comes first."""
    return lambda self, other: apply(op, other, self)


def comparison(compare: Callable[..., Any]) -> Callable[[Any, Any], Tensor]:
    """The method that compares entry by entry; never on the tape."""
    return lambda self, other: Tensor(np.asarray(compare(self.array, as_array(other))))


class Tensor:
    """An n-dimensional array that remembers how it was computed.

    `array` is the NumPy array, `grad` a Tensor after `backward()` (or None), `node` the operation
    on the tape (None for a leaf).
    """

    __slots__ = ("__weakref__", "array", "grad", "index", "node", "requires_grad")
    __array_priority__ = 1000.0  # so that ndarray + Tensor asks Tensor

    def __init__(self, array: Array, requires_grad: bool = False) -> None:
        self.array = array
        self.requires_grad = requires_grad
        self.grad: Tensor | None = None
        self.node: Node | None = None
        self.index = 0

    # ----- the tape -----

    def backward(self, gradient: Tensor | None = None, retain_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to `.grad` of every leaf that requires one.

        `gradient` is d(result)/d(self); it may be left out for a single number.
        Raises RuntimeError for more than one number without it, or when nothing requires grad.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: this tensor does not require grad")
        if gradient is None and self.array.size != 1:
            raise RuntimeError(
                f"backward: pass a gradient for a tensor of shape {self.shape}; "
                "it is implied only for a single number"
            )
        dy = np.ones(self.shape, self.dtype) if gradient is None else as_array(gradient)
        if dy.shape != self.array.shape:
            raise RuntimeError(f"backward: gradient {dy.shape} for a tensor of {self.shape}")
        dy = dy.astype(self.array.dtype, copy=False)
        if self.node is None:
            self.accumulate_grad(dy, fresh=False)
        else:
            backward_pass(self.node, self.index, dy, retain_graph)

    def accumulate_grad(self, gradient: Array, fresh: bool) -> None:
        """Add to `.grad`; a `fresh` array belongs to nobody else and is kept as it is."""
        if gradient.shape != self.array.shape:
            raise RuntimeError(f"gradient {gradient.shape} for a tensor of shape {self.shape}")
        if self.grad is None:
            own = fresh and gradient.flags.c_contiguous and gradient.flags.writeable
            self.grad = Tensor(gradient if own else ops.copied(gradient))
        else:
            active.add_(self.grad.array, gradient)

    def detach(self) -> Tensor:
        """The same numbers, off the tape."""
        return Tensor(self.array)

    @property
    def data(self) -> Tensor:
        """The same numbers, off the tape; assign to it to replace them."""
        return Tensor(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = as_array(value)

    @property
    def is_leaf(self) -> bool:
        return self.node is None

    @property
    def grad_fn(self) -> Node | None:
        return self.node

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        if requires_grad and self.array.dtype.kind in "iub":
            raise RuntimeError(f"only floating point tensors can require grad, not {self.dtype}")
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> None:
        """Keep `.grad` of this intermediate result too."""
        if self.node is not None:
            self.node.retained = {**(self.node.retained or {}), self.index: self}

    def graph(self, path: Any = None, names: Any = None, gradients: bool = False) -> Graph:
        """A picture of how this was computed, as SVG, also to `path`: `autograd.graph.graph`."""
        from weft.autograd.graph import graph

        return graph(self, path, names, gradients)

    # ----- looking at it -----

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def device(self) -> str:
        return CPU

    @property
    def ndim(self) -> int:
        return self.array.ndim

    def dim(self) -> int:
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        return self.array.size

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def item(self) -> Any:
        if self.array.size != 1:
            raise RuntimeError(f"item: a tensor of shape {self.shape} is not a single number")
        return self.array.item()

    def tolist(self) -> Any:
        return self.array.tolist()

    def numpy(self) -> Array:
        """The array itself, not a copy. Raises RuntimeError for a tensor that requires grad."""
        if self.requires_grad:
            raise RuntimeError("numpy: this tensor requires grad; use tensor.detach().numpy()")
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> builtins.float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub":
            raise TypeError(f"only integer tensors can be an index, not {self.dtype}")
        return int(self.item())

    def __repr__(self) -> str:
        name = None if self.node is None else self.node.name
        return tensor_text(self.array, self.requires_grad, name)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 else format(repr(self), spec)

    # ----- arithmetic -----

    __add__ = add = binary(ops.add)
    __sub__ = sub = binary(ops.sub)
    __mul__ = mul = binary(ops.mul)
    __truediv__ = div = binary(ops.div)
    __matmul__ = matmul = binary(ops.matmul)
    __radd__ = swapped(ops.add)
    __rsub__ = swapped(ops.sub)
    __rmul__ = swapped(ops.mul)
    __rtruediv__ = swapped(ops.div)
    __rmatmul__ = swapped(ops.matmul)
    __neg__ = neg = unary(ops.neg)
    __abs__ = abs = unary(ops.absolute)

    def __pow__(self, exponent: Any) -> Tensor:
        if isinstance(exponent, Tensor):
            return (self.log() * exponent).exp()
        return apply(ops.power, self, exponent=exponent)

    pow = __pow__

    def __rpow__(self, base: Number) -> Tensor:
        return (self * math.log(base)).exp()

    # ----- in place: for leaves off the tape -----

    def _update(self, value: Any) -> Tensor:
        if self.requires_grad and is_grad_enabled():
            raise RuntimeError(
                "in-place change of a tensor that requires grad; use no_grad() or tensor.data"
            )
        self.array[...] = as_array(value)
        return self

    def __iadd__(self, other: Any) -> Tensor:
        return self + other if self.node else self._update(self.array + as_array(other))

    def __isub__(self, other: Any) -> Tensor:
        return self - other if self.node else self._update(self.array - as_array(other))

    def __imul__(self, other: Any) -> Tensor:
        return self * other if self.node else self._update(self.array * as_array(other))

    def __itruediv__(self, other: Any) -> Tensor:
        return self / other if self.node else self._update(self.array / as_array(other))

    def __setitem__(self, index: Any, value: Any) -> None:
        if self.requires_grad and is_grad_enabled():
            raise RuntimeError("in-place change of a tensor that requires grad; use no_grad()")
        self.array[as_index(index)] = as_array(value)

    def copy_(self, other: Any) -> Tensor:
        return self._update(other)

    def fill_(self, value: Number) -> Tensor:
        return self._update(value)

    def zero_(self) -> Tensor:
        return self._update(0)

    def add_(self, other: Any, alpha: Number = 1) -> Tensor:
        return self._update(self.array + alpha * as_array(other))

    def sub_(self, other: Any, alpha: Number = 1) -> Tensor:
        return self._update(self.array - alpha * as_array(other))

    def mul_(self, other: Any) -> Tensor:
        return self._update(self.array * as_array(other))

    # ----- comparisons, never on the tape -----

    __eq__ = comparison(np.equal)  # type: ignore[assignment]
    __ne__ = comparison(np.not_equal)  # type: ignore[assignment]
    __lt__ = comparison(np.less)
    __le__ = comparison(np.less_equal)
    __gt__ = comparison(np.greater)
    __ge__ = comparison(np.greater_equal)
    __hash__ = object.__hash__

    # ----- one number in, one number out -----

    exp = unary(ops.exp)
    log = unary(ops.log)
    sqrt = unary(ops.sqrt)
    sin = unary(ops.sin)
    cos = unary(ops.cos)
    sigmoid = unary(ops.sigmoid)
    tanh = unary(ops.tanh)
    relu = unary(ops.relu)

    def rsqrt(self) -> Tensor:
        return 1.0 / self.sqrt()

    def square(self) -> Tensor:
        return self * self

    def clamp(self, min: Number | None = None, max: Number | None = None) -> Tensor:
        return apply(ops.clamp, self, low=min, high=max)

    def softmax(self, dim: int) -> Tensor:
        return along_last(ops.softmax, self, dim)

    def log_softmax(self, dim: int) -> Tensor:
        return along_last(ops.log_softmax, self, dim)

    def masked_fill(self, mask: Tensor, value: Number) -> Tensor:
        return apply(ops.where, mask, self.array.dtype.type(value), self)

    # ----- reductions -----

    def sum(self, dim: ops.Axes = None, keepdim: bool = False) -> Tensor:
        return apply(ops.sum, self, axis=dim, keepdims=keepdim)

    def mean(self, dim: ops.Axes = None, keepdim: bool = False) -> Tensor:
        return apply(ops.mean, self, axis=dim, keepdims=keepdim)

    def var(self, dim: ops.Axes = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        squares = (self - self.mean(dim, True)).square()
        total = squares.sum(dim, keepdim)
        return total * (1.0 / (self.numel() // max(total.numel(), 1) - correction))

    def std(self, dim: ops.Axes = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        return self.var(dim, correction, keepdim).sqrt()

    def max(self, dim: int | None = None, keepdim: bool = False) -> Any:
        values = apply(ops.extreme, self, axis=dim, keepdims=keepdim, largest=True)
        return values if dim is None else (values, self.argmax(dim, keepdim))

    def min(self, dim: int | None = None, keepdim: bool = False) -> Any:
        values = apply(ops.extreme, self, axis=dim, keepdims=keepdim, largest=False)
        return values if dim is None else (values, self.argmin(dim, keepdim))

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        return Tensor(np.asarray(np.argmax(self.array, dim, keepdims=keepdim)))

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        return Tensor(np.asarray(np.argmin(self.array, dim, keepdims=keepdim)))

    def cumsum(self, dim: int) -> Tensor:
        return apply(ops.cumsum, self, axis=dim)

    def norm(self) -> Tensor:
        return self.square().sum().sqrt()

    def all(self) -> Tensor:
        return Tensor(np.asarray(self.array.all()))

    def any(self) -> Tensor:
        return Tensor(np.asarray(self.array.any()))

    # ----- shapes -----

    def reshape(self, *shape: Any) -> Tensor:
        return apply(ops.reshape, self, shape=ops.sizes(shape))

    def view(self, *shape: Any) -> Tensor:
        return apply(ops.reshape, self, shape=ops.sizes(shape))

    def permute(self, *dims: Any) -> Tensor:
        return apply(ops.permute, self, axes=ops.sizes(dims))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        axes = list(range(self.ndim))
        axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
        return apply(ops.permute, self, axes=tuple(axes))

    def t(self) -> Tensor:
        if self.ndim > 2:
            raise RuntimeError(f"t: a tensor of {self.ndim} dimensions; use transpose or permute")
        return self if self.ndim < 2 else self.transpose(0, 1)

    @property
    def T(self) -> Tensor:
        return self.permute(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Tensor:
        return self.transpose(-2, -1)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        first, last = start_dim % max(self.ndim, 1), end_dim % max(self.ndim, 1)
        merged = math.prod(self.shape[first : last + 1])
        return self.reshape(*self.shape[:first], merged, *self.shape[last + 1 :])

    def squeeze(self, dim: int | None = None) -> Tensor:
        if dim is not None and self.shape[dim] != 1:
            return self
        return self.reshape(*self.array.squeeze(dim).shape)

    def unsqueeze(self, dim: int) -> Tensor:
        return self.reshape(*np.expand_dims(self.array, dim).shape)

    def expand(self, *shape: Any) -> Tensor:
        wanted = ops.sizes(shape)
        extra = len(wanted) - self.ndim
        full = tuple(self.shape[i - extra] if n == -1 else n for i, n in enumerate(wanted))
        return apply(ops.broadcast_to, self, shape=full)

    def contiguous(self) -> Tensor:
        return self  # kernels copy what they cannot read in place

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
        length = self.shape[dim]
        if isinstance(split_size, int):
            split_size = [min(split_size, length - i) for i in range(0, length, split_size)]
        if sum(split_size) != length:
            raise RuntimeError(f"split: sizes {list(split_size)} do not add up to {length}")
        return apply_several(ops.split, self, sizes=tuple(split_size), axis=dim)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
        return self.split(-(-self.shape[dim] // chunks), dim)

    def __getitem__(self, index: Any) -> Tensor:
        return apply(ops.getitem, self, index=as_index(index))

    # ----- types -----

    def to(self, target: Any) -> Tensor:
        """In another dtype; `to("cpu")` is for scripts that name a device."""
        if isinstance(target, str):
            check_device(target)
            return self
        dtype = np.dtype(target)
        return self if dtype == self.array.dtype else apply(ops.cast, self, dtype=dtype)

    def float(self) -> Tensor:
        return self.to(np.float32)

    def double(self) -> Tensor:
        return self.to(np.float64)

    def long(self) -> Tensor:
        return self.to(np.int64)

    clone = unary(ops.clone)


def along_last(op: Callable[..., Any], x: Tensor, dim: int) -> Tensor:
    """An operation of the last axis, along any axis."""
    if dim in (-1, x.ndim - 1):
        return apply(op, x)
    return apply(op, x.transpose(dim, -1)).transpose(dim, -1)


def as_array(value: Any) -> Array:
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def as_index(index: Any) -> Any:
    """An index with its tensors turned into arrays; lists stay lists."""
    if isinstance(index, tuple):
        return tuple(as_index(i) for i in index)
    return index.array if isinstance(index, Tensor) else index
