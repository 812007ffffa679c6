// Python's side of the kernels: argument types that convert NumPy arrays, outputs that are NumPy
// arrays, errors, and the scope in which a kernel runs. Only binding*.cpp include this.
#pragma once
#include "kernels.h"
#include "pool.h"
#include <initializer_list>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace weft {

namespace nb = nanobind;
using namespace nanobind::literals;

// ---- arguments ----------------------------------------------------------------------------------

enum class Layout { contiguous, last_axis, in_place };
enum class Status { ok, unsupported, failed };

// A NumPy array as argument. `unsupported` is an array that the reference kernels take (float64,
// for one): the function then returns NotImplemented. `failed` has set a Python error.
struct Argument {
    Array array;
    nb::object copy; // owns the memory when the input had to be copied
    Status status = Status::ok;

    operator const Array&() const { return array; }
    const Array* operator->() const { return &array; }
    bool is(Dtype dtype) const { return array.dtype == dtype; }
};

template <Layout layout> struct ArgumentOf : Argument {};

using In = ArgumentOf<Layout::contiguous>;     // copied unless contiguous
using Strided = ArgumentOf<Layout::last_axis>; // copied unless the last axis is contiguous
using InOut = ArgumentOf<Layout::in_place>;    // must be contiguous and writable: else ValueError

// A list or tuple of arrays as argument.
template <Layout layout> struct ArgumentsOf {
    std::vector<Argument> items;
    Status status = Status::ok;
};

using Ins = ArgumentsOf<Layout::contiguous>;
using InOuts = ArgumentsOf<Layout::in_place>;

// False when it is no NumPy array.
bool convert(PyObject* object, Layout layout, Argument& out) noexcept;

// False when it is no list or tuple of NumPy arrays; `status` is that of the first that is not ok.
bool convert(PyObject* object, Layout layout, std::vector<Argument>& out, Status& status) noexcept;

// A floating dtype as argument: np.float32, np.dtype("float32"), ml_dtypes.bfloat16.
struct Precision {
    Dtype dtype = Dtype::f32;
    Status status = Status::ok;
};
bool convert(PyObject* object, Precision& out) noexcept;

// ---- results ------------------------------------------------------------------------------------

struct Out {
    Array array;
    nb::object object;

    operator const Array&() const { return array; }
};

Out allocate(Dtype dtype, std::initializer_list<int64_t> shape);
Out allocate(Dtype dtype, const int64_t* shape, int dims);
inline Out like(const Array& a) { return allocate(a.dtype, a.shape, a.dims); }
inline Out like(const Array& a, Dtype dtype) { return allocate(dtype, a.shape, a.dims); }

// What a bound function returns: T, or NotImplemented.
template <class T> struct Maybe {
    std::optional<T> value;
};

// ---- errors -------------------------------------------------------------------------------------

[[noreturn]] void fail(PyObject* type, const char* format, ...); // PyErr_Format's formats

// ValueError "add: a has shape (2, 3), b has shape (4,)".
[[noreturn]] void fail_shapes(const char* function, const char* a_name, const Array& a,
                              const char* b_name, const Array& b);

inline bool same_shape(const Array& a, const Array& b) {
    if (a.dims != b.dims) return false;
    for (int i = 0; i < a.dims; i++)
        if (a.shape[i] != b.shape[i]) return false;
    return true;
}

inline void require_same_shape(const char* function, const char* a_name, const Array& a,
                               const char* b_name, const Array& b) {
    if (!same_shape(a, b)) fail_shapes(function, a_name, a, b_name, b);
}

// An array that is changed in place, and another argument: element i of the result must not depend
// on when element j was written. Both are contiguous.
inline void require_apart(const char* function, const Array& changed, const Array& other) {
    const auto begin = [](const Array& a) { return reinterpret_cast<uintptr_t>(a.data); };
    const auto bytes = [](const Array& a) { return uintptr_t(a.size * dtype_bytes(a.dtype)); };
    if (begin(changed) < begin(other) + bytes(other) &&
        begin(other) < begin(changed) + bytes(changed))
        fail(PyExc_ValueError,
             "%s: an array that is changed in place shares memory with another; pass a copy",
             function);
}

// Thrown by a function that finds, past its arguments' types, that the reference has to do this.
struct Unsupported {};

inline bool is_float(const Array& a) { return a.dtype == Dtype::f32 || a.dtype == Dtype::bf16; }
inline bool is_integer(const Array& a) { return a.dtype == Dtype::i32 || a.dtype == Dtype::i64; }

// Mixtures that native kernels do not cover, integers where floats belong, go to the reference.
template <class... Arrays> void require_floats(const Arrays&... arrays) {
    if (!(is_float(arrays) && ...)) throw Unsupported();
}

// The scope of a kernel's run: subnormals are flushed, and other Python threads go on meanwhile,
// unless the work (in elements, roughly) is too little to be worth the handing over.
class Section {
  public:
    explicit Section(int64_t work) : state(work > 8192 ? PyEval_SaveThread() : nullptr) {}
    ~Section() {
        if (state) PyEval_RestoreThread(state);
    }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

  private:
    PyThreadState* state;
    FlushSubnormals flush;
};

// f in a Section. For functions whose result is more than one Out: references must not be counted
// without the GIL.
template <class F> void run(int64_t work, const F& f) {
    Section section(work);
    f();
}

// ---- definition ---------------------------------------------------------------------------------

template <class T> Status status_of(const T&) { return Status::ok; }
template <Layout layout> Status status_of(const ArgumentOf<layout>& a) { return a.status; }
template <Layout layout> Status status_of(const std::optional<ArgumentOf<layout>>& a) {
    return a ? a->status : Status::ok;
}
template <Layout layout> Status status_of(const ArgumentsOf<layout>& a) { return a.status; }
template <Layout layout> Status status_of(const std::optional<ArgumentsOf<layout>>& a) {
    return a ? a->status : Status::ok;
}
inline Status status_of(const Precision& p) { return p.status; }

// m.def for a kernel: NotImplemented comes back when an argument is unsupported. Functions without
// result return Done().
using Done = nb::none;

template <class R, class... Args, class... Extra>
void def(nb::module_& m, const char* name, R (*function)(Args...), const Extra&... extra) {
    m.def(
        name,
        [function](Args... args) -> Maybe<R> {
            if (((status_of(args) == Status::failed) || ...)) throw nb::python_error();
            if (((status_of(args) == Status::unsupported) || ...)) return {};
            try {
                return {function(std::forward<Args>(args)...)};
            } catch (const Unsupported&) { return {}; }
        },
        extra...);
}

inline Array absent_or(const std::optional<In>& a) { return a ? a->array : Array{}; }

void initialise_arrays(); // imports NumPy's C API and ml_dtypes

} // namespace weft

// ---- nanobind's casters -------------------------------------------------------------------------

namespace nanobind::detail {

template <weft::Layout layout> struct type_caster<weft::ArgumentOf<layout>> {
    NB_TYPE_CASTER(weft::ArgumentOf<layout>, const_name("numpy.typing.NDArray[typing.Any]"))
    bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
        return weft::convert(source.ptr(), layout, value);
    }
};

template <weft::Layout layout> struct type_caster<weft::ArgumentsOf<layout>> {
    NB_TYPE_CASTER(weft::ArgumentsOf<layout>,
                   const_name("collections.abc.Sequence[numpy.typing.NDArray[typing.Any]]"))
    bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
        return weft::convert(source.ptr(), layout, value.items, value.status);
    }
};

template <> struct type_caster<weft::Precision> {
    NB_TYPE_CASTER(weft::Precision, const_name("numpy.typing.DTypeLike"))
    bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
        return weft::convert(source.ptr(), value);
    }
};

template <> struct type_caster<weft::Out> {
    NB_TYPE_CASTER(weft::Out, const_name("numpy.typing.NDArray[typing.Any]"))
    static handle from_cpp(const weft::Out& out, rv_policy, cleanup_list*) noexcept {
        return handle(out.object).inc_ref();
    }
};

template <class T> struct type_caster<weft::Maybe<T>> {
    NB_TYPE_CASTER(weft::Maybe<T>, make_caster<T>::Name)
    static handle from_cpp(weft::Maybe<T>&& result, rv_policy policy, cleanup_list* list) noexcept {
        if (!result.value) return handle(Py_NotImplemented).inc_ref();
        return make_caster<T>::from_cpp(std::move(*result.value), policy, list);
    }
};

} // namespace nanobind::detail
