// packed.cpp and decoder.cpp for Python: packed matrices are arrays of bytes, and a Decoder holds
// on to all that it reads.
#include "binding.h"
#include <memory>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <new>
#include <stdlib.h>
#include <string>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace weft {
namespace {

using Bytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Cells = nb::ndarray<uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Scales = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using PackedArray = nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>;
using Tokens = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

Weight kind_of(const std::string& name) {
    if (name == "float32") return Weight::f32;
    if (name == "bfloat16") return Weight::bf16;
    if (name == "int8") return Weight::int8;
    if (name == "int4") return Weight::int4;
    fail(PyExc_ValueError, "weights '%s' are unknown; choose one of: float32, bfloat16, int8, int4",
         name.c_str());
}

constexpr int64_t MOST = int64_t(1) << 31; // of a size, so that products of two fit

void require_size(const char* name, int64_t n) {
    if (n < 1 || n >= MOST)
        fail(PyExc_ValueError, "%s is %lld; choose 1 to 2^31 - 1", name, (long long)n);
}

// ---- packing ------------------------------------------------------------------------------------

// Large matrices in large pages: a step reads all of them, and would spend a tenth of its time on
// looking up pages.
uint8_t* packed_memory(size_t bytes) {
    const size_t page = size_t(2) << 20, unit = bytes >= page ? page : 64;
    void* memory = aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (!memory) throw std::bad_alloc();
#if defined(__linux__)
    if (unit == page) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return static_cast<uint8_t*>(memory);
}

PackedArray pack_matrix(const Strided& w, const std::string& kind, bool transposed, bool search) {
    require_floats(w.array);
    Array a = w.array;
    if (a.dims != 2) fail(PyExc_ValueError, "pack_matrix: w must have two axes, not %d", a.dims);
    if (transposed) {
        std::swap(a.shape[0], a.shape[1]);
        std::swap(a.stride[0], a.stride[1]);
    }
    require_size("pack_matrix: outputs", a.shape[0]);
    require_size("pack_matrix: inputs", a.shape[1]);
    Packed to;
    to.kind = kind_of(kind), to.outputs = a.shape[0], to.inputs = a.shape[1];
    bool infinite = false;
    if (to.kind == Weight::int8 || to.kind == Weight::int4) to.infinite = &infinite;
    to.search = search && to.kind == Weight::int4;
    const size_t bytes = size_t(to.bytes());
    uint8_t* memory = packed_memory(bytes);
    nb::capsule owner(memory, [](void* p) noexcept { free(p); });
    run(a.size, [&] { kernels().pack_matrix(a, to, memory); });
    if (infinite)
        fail(PyExc_ValueError,
             "quantize: a weight is not finite, or too large for a float16 scale");
    return PackedArray(memory, {bytes}, owner);
}

Packed packed(const Bytes& data, const std::string& kind, int64_t outputs, int64_t inputs) {
    require_size("packed matrix: outputs", outputs);
    require_size("packed matrix: inputs", inputs);
    Packed w;
    w.kind = kind_of(kind), w.outputs = outputs, w.inputs = inputs, w.data = data.data();
    if (int64_t(data.shape(0)) != w.bytes())
        fail(PyExc_ValueError, "packed matrix: %lld bytes, not %lld", (long long)data.shape(0),
             (long long)w.bytes());
    if (reinterpret_cast<uintptr_t>(w.data) % 64)
        fail(PyExc_ValueError, "packed matrix: not aligned to 64 bytes; use pack_matrix");
    return w;
}

Out packed_linear(const In& x, const Bytes& data, const std::string& kind, int64_t outputs,
                  bool many) {
    if (!x.is(Dtype::f32)) throw Unsupported();
    if (x->dims != 2) fail(PyExc_ValueError, "packed_linear: x must have two axes");
    const Packed w = packed(data, kind, outputs, x->shape[1]);
    Out y = allocate(Dtype::f32, {x->shape[0], outputs});
    if (!y.array.size) return y;
    Section section(x->size * outputs);
    kernels().packed_linear(x, w, many, y);
    return y;
}

// ---- the model ----------------------------------------------------------------------------------

class Decoder {
  public:
    Decoder(const nb::dict& sizes, const nb::dict& outer, const nb::list& blocks) {
        read_sizes(sizes);
        read_outer(outer);
        if (int64_t(nb::len(blocks)) != m.layers)
            fail(PyExc_ValueError, "Decoder: %zd blocks for %lld layers",
                 Py_ssize_t(nb::len(blocks)), (long long)m.layers);
        layers.resize(size_t(m.layers));
        for (size_t i = 0; i < layers.size(); i++)
            read_block(layers[i], nb::cast<nb::dict>(blocks[i]));
        m.layer = layers.data();
    }

    Decoder(const Decoder&) = delete; // the model points into it
    Decoder& operator=(const Decoder&) = delete;

    // Sequences: (type, keys, values, key_scales, value_scales, length, position), arrays flat.
    Out read(const nb::list& sequences, const nb::list& tokens, bool every) {
        const size_t n = nb::len(sequences);
        if (!n || n != nb::len(tokens))
            fail(PyExc_ValueError, "Decoder.read: %zd sequences, %zd lists of tokens",
                 Py_ssize_t(n), Py_ssize_t(nb::len(tokens)));
        std::vector<DecoderSequence> all(n);
        std::vector<Tokens> kept;
        int64_t rows = 0, work = 0;
        for (size_t i = 0; i < n; i++) {
            kept.push_back(nb::cast<Tokens>(tokens[i]));
            all[i] = sequence(nb::cast<nb::tuple>(sequences[i]), kept[i]);
            for (size_t j = 0; j < i; j++)
                if (all[j].keys == all[i].keys)
                    fail(PyExc_ValueError, "Decoder.read: a sequence is there twice; copy it");
            rows += every ? all[i].count : 1;
            work += all[i].count;
        }
        Out logits = allocate(Dtype::f32, {rows, m.vocabulary});
        float* at = data<float>(logits.array);
        for (DecoderSequence& s : all) {
            s.logits = at, s.every = every;
            at += (every ? s.count : 1) * m.vocabulary;
        }
        run(work * 10000, [&] { kernels().decode(m, all.data(), int64_t(n)); });
        return logits;
    }

    bool packed_all() const { return sources.empty(); }
    bool finite() const { return !infinite; }

  private:
    static nb::object item(const nb::dict& from, const char* name) {
        if (!from.contains(name)) fail(PyExc_ValueError, "Decoder: '%s' is missing", name);
        return from[name];
    }

    int64_t size(const nb::dict& from, const char* name) {
        const int64_t n = nb::cast<int64_t>(item(from, name));
        require_size(name, n);
        return n;
    }

    void read_sizes(const nb::dict& from) {
        m.layers = size(from, "n_layer"), m.width = size(from, "n_embd");
        m.heads = size(from, "n_head"), m.kv_heads = size(from, "n_kv_head");
        m.head_dim = size(from, "head_dim"), m.inner = size(from, "intermediate_size");
        m.vocabulary = size(from, "vocab_size"), m.block_size = size(from, "block_size");
        m.layer_norm = nb::cast<bool>(item(from, "layer_norm"));
        m.gated = nb::cast<bool>(item(from, "gated"));
        m.relu = nb::cast<bool>(item(from, "relu"));
        m.tanh = nb::cast<bool>(item(from, "tanh"));
        m.eps = nb::cast<float>(item(from, "norm_eps"));
        if (m.heads % m.kv_heads || (m.heads + 2 * m.kv_heads) >= MOST / m.head_dim)
            fail(PyExc_ValueError, "Decoder: %lld heads, %lld of keys", (long long)m.heads,
                 (long long)m.kv_heads);
    }

    // A vector of floats, kept alive; null for None.
    const float* floats(const nb::object& object, int64_t n) {
        if (object.is_none()) return nullptr;
        const Floats a = nb::cast<Floats>(object);
        if (int64_t(a.size()) != n)
            fail(PyExc_ValueError, "Decoder: a vector of %zd floats, not %lld",
                 Py_ssize_t(a.size()), (long long)n);
        kept_floats.push_back(a);
        return a.data();
    }

    Norm norm(const nb::dict& from, const char* name, int64_t n) {
        const nb::tuple pair = nb::cast<nb::tuple>(item(from, name));
        Norm result;
        result.weight = floats(pair[0], n), result.bias = floats(pair[1], n);
        return result;
    }

    // Numbers (outputs, inputs), or turned: packed anew in every call.
    Packed unpacked(const nb::object& object, const std::string& kind, bool turned) {
        const Strided numbers = nb::cast<Strided>(object);
        Array a = numbers.array;
        if (numbers.status != Status::ok || !is_float(a) || a.dims != 2)
            fail(PyExc_ValueError, "Decoder: a matrix must have two axes, of float32 or bfloat16");
        if (turned) {
            std::swap(a.shape[0], a.shape[1]);
            std::swap(a.stride[0], a.stride[1]);
        }
        kept_objects.push_back(numbers.copy.is_valid() ? numbers.copy : object);
        sources.push_back(std::make_unique<Array>(a));
        Packed w;
        w.kind = kind_of(kind), w.outputs = a.shape[0], w.inputs = a.shape[1];
        w.source = sources.back().get(), w.infinite = &infinite;
        return w;
    }

    // (kind, bytes, bias or None, shape), or (kind, numbers, bias or None, shape, turned)
    Packed matrix(const nb::dict& from, const char* name, int64_t outputs, int64_t inputs) {
        const nb::tuple parts = nb::cast<nb::tuple>(item(from, name));
        const nb::tuple shape = nb::cast<nb::tuple>(parts[3]);
        if (nb::cast<int64_t>(shape[0]) != outputs || nb::cast<int64_t>(shape[1]) != inputs)
            fail(PyExc_ValueError, "Decoder: '%s' is not (%lld, %lld)", name, (long long)outputs,
                 (long long)inputs);
        const std::string kind = nb::cast<std::string>(parts[0]);
        Packed w;
        if (nb::len(parts) == 5) {
            w = unpacked(parts[1], kind, nb::cast<bool>(parts[4]));
            if (w.outputs != outputs || w.inputs != inputs)
                fail(PyExc_ValueError, "Decoder: the numbers of '%s' are not (%lld, %lld)", name,
                     (long long)outputs, (long long)inputs);
        } else {
            const Bytes bytes = nb::cast<Bytes>(parts[1]);
            w = packed(bytes, kind, outputs, inputs);
            kept_bytes.push_back(bytes);
        }
        w.bias = floats(parts[2], outputs);
        return w;
    }

    void read_outer(const nb::dict& from) {
        m.embedding = matrix(from, "embedding", m.vocabulary, m.width);
        m.head = matrix(from, "head", m.vocabulary, m.width);
        m.norm = norm(from, "norm", m.width);
        m.positions = floats(item(from, "positions"), m.block_size * m.width);
        m.cos = floats(item(from, "cos"), m.block_size * (m.head_dim / 2));
        m.sin = floats(item(from, "sin"), m.block_size * (m.head_dim / 2));
        if (!m.cos != !m.sin || (m.cos && m.head_dim % 2))
            fail(PyExc_ValueError, "Decoder: cos and sin belong together, and to even heads");
    }

    void read_block(DecoderLayer& layer, const nb::dict& from) {
        const int64_t all = (m.heads + 2 * m.kv_heads) * m.head_dim, y = m.heads * m.head_dim;
        const int64_t gated = (m.inner + PANEL - 1) / PANEL * PANEL * 2;
        layer.norm_1 = norm(from, "norm_1", m.width);
        layer.norm_2 = norm(from, "norm_2", m.width);
        layer.q_norm = norm(from, "q_norm", m.head_dim);
        layer.k_norm = norm(from, "k_norm", m.head_dim);
        layer.qkv = matrix(from, "qkv", all, m.width);
        layer.out = matrix(from, "out", m.width, y);
        layer.up = matrix(from, "up", m.gated ? gated : m.inner, m.width);
        layer.down = matrix(from, "down", m.width, m.inner);
    }

    DecoderSequence sequence(const nb::tuple& from, const Tokens& tokens) {
        DecoderSequence s;
        const std::string type = nb::cast<std::string>(from[0]);
        s.type = type == "float32"    ? CacheType::f32
                 : type == "bfloat16" ? CacheType::bf16
                                      : CacheType::int8;
        if (s.type == CacheType::int8 && type != "int8")
            fail(PyExc_ValueError, "Decoder.read: a cache of '%s'", type.c_str());
        s.length = nb::cast<int64_t>(from[5]), s.position = nb::cast<int64_t>(from[6]);
        if (s.length < 1 || s.length > m.block_size)
            fail(PyExc_ValueError, "Decoder.read: a cache of %lld tokens; the context has %lld",
                 (long long)s.length, (long long)m.block_size);
        const int64_t bytes = s.type == CacheType::f32 ? 4 : s.type == CacheType::bf16 ? 2 : 1;
        const int64_t lines = m.layers * m.kv_heads * s.length;
        s.keys = cells(from[1], lines * m.head_dim * bytes);
        s.values = cells(from[2], lines * m.head_dim * bytes);
        if (s.type == CacheType::int8)
            s.key_scales = scales(from[3], lines), s.value_scales = scales(from[4], lines);
        s.tokens = tokens.data(), s.count = int64_t(tokens.shape(0));
        if (s.count < 1 || s.position < 0 || s.position > s.length ||
            s.count > s.length - s.position)
            fail(PyExc_ValueError, "key-value cache: %lld tokens do not fit into %lld",
                 (long long)(s.position + s.count), (long long)s.length);
        for (int64_t i = 0; i < s.count; i++)
            if (s.tokens[i] < 0 || s.tokens[i] >= m.vocabulary)
                fail(PyExc_IndexError, "token %lld is out of range; the vocabulary has %lld",
                     (long long)s.tokens[i], (long long)m.vocabulary);
        return s;
    }

    static void* cells(const nb::handle& object, int64_t bytes) {
        const Cells a = nb::cast<Cells>(object);
        if (int64_t(a.shape(0)) != bytes)
            fail(PyExc_ValueError, "Decoder.read: a cache of %zd bytes, not %lld",
                 Py_ssize_t(a.shape(0)), (long long)bytes);
        return a.data();
    }

    static float* scales(const nb::handle& object, int64_t n) {
        const Scales a = nb::cast<Scales>(object);
        if (int64_t(a.shape(0)) != n)
            fail(PyExc_ValueError, "Decoder.read: %zd scales, not %lld", Py_ssize_t(a.shape(0)),
                 (long long)n);
        return a.data();
    }

    DecoderModel m;
    std::vector<DecoderLayer> layers;
    std::vector<Floats> kept_floats;
    std::vector<Bytes> kept_bytes;
    std::vector<nb::object> kept_objects;
    std::vector<std::unique_ptr<Array>> sources;
    bool infinite = false;
};

} // namespace

void bind_decoder(nb::module_& m) {
    def(m, "pack_matrix", &pack_matrix, "w"_a, "kind"_a, "transposed"_a = false,
        "search"_a = false);
    def(m, "packed_linear", &packed_linear, "x"_a, "data"_a, "kind"_a, "outputs"_a,
        "many"_a = false);
    nb::class_<Decoder>(m, "Decoder")
        .def(nb::init<const nb::dict&, const nb::dict&, const nb::list&>(), "sizes"_a, "outer"_a,
             "blocks"_a,
             nb::sig("def __init__(self, sizes: dict[str, typing.Any], outer: dict[str, "
                     "typing.Any], blocks: list[dict[str, typing.Any]]) -> None"))
        .def_prop_ro("packed", &Decoder::packed_all)
        .def_prop_ro("finite", &Decoder::finite)
        .def("read", &Decoder::read, "sequences"_a, "tokens"_a, "every"_a = false,
             nb::sig("def read(self, sequences: list[tuple[typing.Any, ...]], tokens: "
                     "list[numpy.typing.NDArray[typing.Any]], every: bool = False) -> "
                     "numpy.typing.NDArray[typing.Any]"));
}

} // namespace weft
