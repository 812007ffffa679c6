// The only file that uses NumPy's C API. (bfloat16 arrays do not pass through the buffer protocol
// or DLPack, so nanobind's own array type would not do.)
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include "binding.h"
#include "memory.h"
#include <numpy/arrayobject.h>
#include <stdarg.h>
#include <string>

namespace weft {
namespace {

PyArray_Descr* bfloat16 = nullptr; // ml_dtypes' dtype; NumPy numbers it when it is imported

bool dtype_of(PyArray_Descr* descr, Dtype& out) {
    if (!PyArray_ISNBO(descr->byteorder)) return false;
    const int type = descr->type_num;
    if (type == NPY_FLOAT32)
        out = Dtype::f32;
    else if (type == bfloat16->type_num)
        out = Dtype::bf16;
    else if (type == NPY_INT32)
        out = Dtype::i32;
    else if (type == NPY_INT64 || (type == NPY_LONGLONG && sizeof(long long) == 8))
        out = Dtype::i64;
    else
        return false;
    return true;
}

PyArray_Descr* descr_of(Dtype dtype) { // a new reference
    switch (dtype) {
    case Dtype::f32:
        return PyArray_DescrFromType(NPY_FLOAT32);
    case Dtype::i32:
        return PyArray_DescrFromType(NPY_INT32);
    case Dtype::i64:
        return PyArray_DescrFromType(NPY_INT64);
    case Dtype::bf16:
        break;
    }
    Py_INCREF(bfloat16);
    return bfloat16;
}

bool fits(PyArrayObject* a, Layout layout) {
    if (!PyArray_ISALIGNED(a)) return false;
    if (PyArray_IS_C_CONTIGUOUS(a)) return true;
    const int dims = PyArray_NDIM(a), bytes = (int)PyArray_ITEMSIZE(a);
    if (layout != Layout::last_axis || dims == 0) return false;
    for (int i = 0; i < dims; i++)
        if (PyArray_STRIDE(a, i) % bytes) return false;
    return PyArray_STRIDE(a, dims - 1) == bytes || PyArray_DIM(a, dims - 1) <= 1;
}

Status no_in_place(const char* what) {
    PyErr_Format(PyExc_ValueError, "an array that is changed in place must be %s; pass a copy",
                 what);
    return Status::failed;
}

void describe(PyArrayObject* a, Array& out) {
    out.data = PyArray_DATA(a);
    out.dims = PyArray_NDIM(a);
    out.size = 1;
    const int64_t bytes = PyArray_ITEMSIZE(a);
    for (int i = 0; i < out.dims; i++) {
        out.shape[i] = PyArray_DIM(a, i);
        out.stride[i] = PyArray_STRIDE(a, i) / bytes;
        out.size *= out.shape[i];
    }
}

// ---- outputs own a block of memory.h through a capsule ------------------------------------------

constexpr size_t NUMPY_OWN = 1024; // smaller blocks NumPy itself keeps for reuse
constexpr const char* CAPSULE = "weft.memory";

void give_back(PyObject* capsule) {
    const size_t bytes = reinterpret_cast<size_t>(PyCapsule_GetContext(capsule));
    release(PyCapsule_GetPointer(capsule, CAPSULE), bytes);
}

PyObject* pooled_array(PyArray_Descr* descr, int dims, const npy_intp* shape, size_t bytes) {
    void* block = acquire(bytes);
    if (!block) return Py_DECREF(descr), PyErr_NoMemory();
    PyObject* capsule = PyCapsule_New(block, CAPSULE, give_back);
    if (!capsule) return Py_DECREF(descr), release(block, bytes), nullptr;
    PyCapsule_SetContext(capsule, reinterpret_cast<void*>(bytes));
    PyObject* array = PyArray_NewFromDescr(&PyArray_Type, descr, dims, shape, nullptr, block,
                                           NPY_ARRAY_CARRAY, nullptr);
    if (!array) return Py_DECREF(capsule), nullptr;
    if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), capsule)) // steals capsule
        return Py_DECREF(array), nullptr;
    return array;
}

// Null, with a Python error, when there is no memory.
PyObject* new_array(Dtype dtype, int dims, const npy_intp* shape) {
    size_t bytes = size_t(dtype_bytes(dtype));
    bool too_large = false;
    for (int i = 0; i < dims; i++)
        too_large |= __builtin_mul_overflow(bytes, size_t(shape[i]), &bytes);
    if (too_large) return PyErr_NoMemory();
    if (bytes > NUMPY_OWN) return pooled_array(descr_of(dtype), dims, shape, bytes);
    return PyArray_NewFromDescr(&PyArray_Type, descr_of(dtype), dims, shape, nullptr, nullptr, 0,
                                nullptr);
}

Status convert_array(PyArrayObject* a, Layout layout, Argument& out) {
    if (PyArray_NDIM(a) > MAX_DIMS || !dtype_of(PyArray_DESCR(a), out.array.dtype))
        return Status::unsupported;
    if (layout == Layout::in_place && !PyArray_ISWRITEABLE(a)) return no_in_place("writable");
    if (!fits(a, layout)) {
        if (layout == Layout::in_place) return no_in_place("contiguous");
        PyObject* copy = new_array(out.array.dtype, PyArray_NDIM(a), PyArray_DIMS(a));
        if (!copy) return Status::failed;
        out.copy = nb::steal(copy);
        if (PyArray_CopyInto(reinterpret_cast<PyArrayObject*>(copy), a)) return Status::failed;
        a = reinterpret_cast<PyArrayObject*>(copy);
    }
    describe(a, out.array);
    return Status::ok;
}

std::string shape_text(const Array& a) {
    std::string text = "(";
    for (int i = 0; i < a.dims; i++) text += (i ? ", " : "") + std::to_string(a.shape[i]);
    return text + (a.dims == 1 ? ",)" : ")");
}

int import_numpy() {
    import_array1(-1);
    return 0;
}

} // namespace

bool convert(PyObject* object, Layout layout, Argument& out) noexcept {
    if (!PyArray_Check(object)) return false;
    out.status = convert_array(reinterpret_cast<PyArrayObject*>(object), layout, out);
    return true;
}

bool convert(PyObject* object, Layout layout, std::vector<Argument>& out, Status& status) noexcept {
    const bool list = PyList_Check(object);
    if (!list && !PyTuple_Check(object)) return false;
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
    out.clear();
    out.resize(size_t(count));
    status = Status::ok;
    for (Py_ssize_t i = 0; i < count && status == Status::ok; i++) {
        Argument& item = out[size_t(i)];
        if (!convert(PySequence_Fast_GET_ITEM(object, i), layout, item)) return false;
        status = item.status;
    }
    return true;
}

bool convert(PyObject* object, Precision& out) noexcept {
    PyObject *type, *value, *trace; // of an argument before, which the converter would lose
    PyErr_Fetch(&type, &value, &trace);
    PyArray_Descr* descr = nullptr;
    const bool understood = PyArray_DescrConverter(object, &descr);
    PyErr_Restore(type, value, trace); // and drops the converter's own
    if (!understood) return false;
    const bool known = dtype_of(descr, out.dtype);
    Py_DECREF(descr);
    if (!known || out.dtype == Dtype::i32 || out.dtype == Dtype::i64)
        out.status = Status::unsupported;
    return true;
}

Out allocate(Dtype dtype, const int64_t* shape, int dims) {
    npy_intp extents[MAX_DIMS];
    for (int i = 0; i < dims; i++) extents[i] = shape[i];
    PyObject* object = new_array(dtype, dims, extents);
    if (!object) throw nb::python_error();
    Out out;
    out.object = nb::steal(object);
    out.array.dtype = dtype;
    describe(reinterpret_cast<PyArrayObject*>(object), out.array);
    return out;
}

Out allocate(Dtype dtype, std::initializer_list<int64_t> shape) {
    return allocate(dtype, shape.begin(), int(shape.size()));
}

void fail(PyObject* type, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    PyErr_FormatV(type, format, arguments);
    va_end(arguments);
    throw nb::python_error();
}

void fail_shapes(const char* function, const char* a_name, const Array& a, const char* b_name,
                 const Array& b) {
    fail(PyExc_ValueError, "%s: %s has shape %s, %s has shape %s", function, a_name,
         shape_text(a).c_str(), b_name, shape_text(b).c_str());
}

void initialise_arrays() {
    if (import_numpy() < 0) throw nb::python_error();
    const nb::object type = nb::module_::import_("ml_dtypes").attr("bfloat16");
    if (!PyArray_DescrConverter(type.ptr(), &bfloat16)) throw nb::python_error();
}

} // namespace weft
