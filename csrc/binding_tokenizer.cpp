// tokenizer.h for Python. What it does not cover is answered with NotImplemented: the definition
// then does it, or says what is wrong. Texts are read where they are if they are ASCII.
#include "tokenizer.h"
#include <memory>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <string.h>

namespace weft {
namespace {

namespace nb = nanobind;
using namespace nanobind::literals;

nb::object not_implemented() { return nb::borrow(Py_NotImplemented); }

// Other Python threads go on meanwhile, unless the work is too little to be worth it.
class Released {
  public:
    explicit Released(size_t bytes) : state(bytes > 8192 ? PyEval_SaveThread() : nullptr) {}
    ~Released() {
        if (state) PyEval_RestoreThread(state);
    }
    Released(const Released&) = delete;
    Released& operator=(const Released&) = delete;

  private:
    PyThreadState* state;
};

// The bytes of a text in UTF-8, for as long as this and the text live.
struct Text {
    const Byte* data = nullptr;
    size_t size = 0;
    nb::object owner;

    // False for a text with half a surrogate pair, which has no UTF-8.
    bool open(nb::str text) {
        if (PyUnicode_IS_ASCII(text.ptr())) {
            data = static_cast<const Byte*>(PyUnicode_DATA(text.ptr()));
            size = size_t(PyUnicode_GET_LENGTH(text.ptr()));
            return true;
        }
        owner = nb::steal(PyUnicode_AsUTF8String(text.ptr()));
        if (!owner.is_valid()) {
            if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) nb::raise_python_error();
            PyErr_Clear();
            return false;
        }
        data = reinterpret_cast<const Byte*>(PyBytes_AS_STRING(owner.ptr()));
        size = size_t(PyBytes_GET_SIZE(owner.ptr()));
        return true;
    }
};

nb::object text_of(const Byte* bytes, size_t size) {
    return nb::steal(
        PyUnicode_DecodeUTF8(reinterpret_cast<const char*>(bytes), Py_ssize_t(size), nullptr));
}

nb::object split_pieces(nb::str text) {
    Text utf8;
    if (!utf8.open(text)) return not_implemented();
    nb::list pieces;
    for (const Byte *p = utf8.data, *end = p + utf8.size; p < end;) {
        const Byte* piece = p;
        p = piece_end(piece, end);
        pieces.append(text_of(piece, size_t(p - piece)));
    }
    return pieces;
}

// ---- encoding -----------------------------------------------------------------------------------

using Table = nb::ndarray<const int64_t, nb::numpy, nb::c_contig, nb::device::cpu>;

constexpr int64_t MOST_TOKENS = int64_t(1) << 31;

class BytePairEncoder {
  public:
    BytePairEncoder(Table byte_ids, Table merges) {
        if (byte_ids.ndim() != 1 || byte_ids.shape(0) != 256)
            throw nb::value_error("byte_ids has another shape than (256,)");
        if (merges.ndim() != 2 || merges.shape(1) != 3)
            throw nb::value_error("merges has another shape than (N, 3)");
        Id ids[256];
        for (int i = 0; i < 256; i++) {
            const int64_t id = byte_ids.data()[i];
            ids[i] = id == -1 ? NO_ID : checked(id);
        }
        std::vector<MergeTable::Merge> table(merges.shape(0));
        for (size_t i = 0; i < table.size(); i++) {
            const int64_t* row = merges.data() + 3 * i;
            table[i] = {checked(row[0]), checked(row[1]), checked(row[2])};
        }
        encoder.emplace(ids, table);
    }
    BytePairEncoder(const BytePairEncoder&) = delete;

    nb::object encode(nb::str text) {
        Text utf8;
        if (!utf8.open(text) || utf8.size >= size_t(MOST_TOKENS)) return not_implemented();
        std::unique_ptr<EncoderState> state = take_state();
        Ids ids;
        bool encoded;
        {
            Released released(utf8.size);
            encoded = encoder->encode(utf8.data, utf8.size, *state, ids);
        }
        states.push_back(std::move(state));
        if (!encoded) return not_implemented();
        const size_t count = ids.size();
        Id* memory = ids.release();
        nb::capsule owner(memory, [](void* p) noexcept { free(p); });
        return nb::cast(nb::ndarray<nb::numpy, Id, nb::ndim<1>>(memory, {count}, owner));
    }

    // The ids of one piece merged, given one by one.
    std::vector<Id> merge(std::vector<Id> ids) {
        for (const Id id : ids) checked(id);
        Merger merger(encoder->merges());
        ids.resize(merger.merge(ids.data(), ids.size()));
        return ids;
    }

  private:
    static Id checked(int64_t id) {
        if (id < 0 || id >= MOST_TOKENS) throw nb::value_error("an id is not in 0 to 2^31 - 1");
        return Id(id);
    }

    // As many states as threads have ever encoded at once. Only taken and put back with the GIL.
    std::unique_ptr<EncoderState> take_state() {
        if (states.empty()) return std::make_unique<EncoderState>(encoder->merges());
        std::unique_ptr<EncoderState> state = std::move(states.back());
        states.pop_back();
        return state;
    }

    std::optional<Encoder> encoder;
    std::vector<std::unique_ptr<EncoderState>> states;
};

// ---- decoding -----------------------------------------------------------------------------------

// Ids of a list of Python's integers; false if there is something else in it.
bool read_ids(PyObject* list, std::vector<Id>& ids) {
    const Py_ssize_t count = PyList_GET_SIZE(list);
    ids.resize(size_t(count));
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject* item = PyList_GET_ITEM(list, i);
        if (!PyLong_CheckExact(item)) return false;
        int overflow;
        const long long id = PyLong_AsLongLongAndOverflow(item, &overflow);
        if (overflow || id < 0 || id >= MOST_TOKENS) return false;
        ids[size_t(i)] = Id(id);
    }
    return true;
}

class TokenBytes {
  public:
    explicit TokenBytes(nb::typed<nb::list, nb::bytes> tokens) {
        for (nb::handle token : tokens) {
            if (!PyBytes_CheckExact(token.ptr())) throw nb::type_error("a token is not bytes");
            table.append(reinterpret_cast<const Byte*>(PyBytes_AS_STRING(token.ptr())),
                         size_t(PyBytes_GET_SIZE(token.ptr())));
        }
    }

    nb::object of_list(nb::typed<nb::list, int> list) const {
        std::vector<Id> ids;
        if (!read_ids(list.ptr(), ids)) return not_implemented();
        return join(ids.data(), ids.size());
    }

    nb::object of_array(
        nb::ndarray<const Id, nb::numpy, nb::ndim<1>, nb::c_contig, nb::device::cpu> ids) const {
        return join(ids.data(), ids.size());
    }

  private:
    nb::object join(const Id* ids, size_t count) const {
        const int64_t size = table.size_of(ids, count);
        if (size < 0) return not_implemented();
        nb::object bytes = nb::steal(PyBytes_FromStringAndSize(nullptr, Py_ssize_t(size)));
        if (!bytes.is_valid()) nb::raise_python_error();
        table.join(ids, count, reinterpret_cast<Byte*>(PyBytes_AS_STRING(bytes.ptr())),
                   size_t(size));
        return bytes;
    }

    TokenTable table;
};

// ---- training -----------------------------------------------------------------------------------

using Frequencies = nb::typed<nb::dict, nb::str, int64_t>;

class Counter {
  public:
    // False for a text with half a surrogate pair.
    bool add(nb::str text) {
        Text utf8;
        if (!utf8.open(text)) return false;
        counter.add(utf8.data, utf8.size);
        return true;
    }

    Frequencies counts() const {
        Frequencies counts;
        for (const PieceCounter::Piece& piece : counter.pieces())
            counts[text_of(counter.bytes() + piece.start, piece.size)] = piece.count;
        return counts;
    }

  private:
    PieceCounter counter;
};

void check_signals() {
    nb::gil_scoped_acquire acquired;
    if (PyErr_CheckSignals()) nb::raise_python_error();
}

// False if there is too much, or what is no piece and frequency.
bool read_pieces(const Frequencies& pieces, Training& training) {
    size_t symbols = 0;
    int64_t weighted = 0;
    for (auto [key, value] : pieces) {
        Text piece;
        int overflow = 0;
        if (!PyUnicode_Check(key.ptr()) || !PyLong_CheckExact(value.ptr())) return false;
        if (!piece.open(nb::borrow<nb::str>(key))) return false;
        const int64_t weight = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
        symbols += piece.size;
        int64_t product;
        if (overflow || weight < 1 || symbols > Training::MAX_SYMBOLS ||
            __builtin_mul_overflow(weight, int64_t(piece.size), &product) ||
            __builtin_add_overflow(weighted, product, &weighted))
            return false;
        training.pieces.emplace_back(
            std::string(reinterpret_cast<const char*>(piece.data), piece.size), weight);
    }
    return true;
}

nb::object learn(Frequencies pieces, int64_t count, nb::bytes byte_order) {
    Training training;
    if (byte_order.size() != 256) throw nb::value_error("byte_order has not 256 bytes");
    memcpy(training.byte_order, byte_order.c_str(), 256);
    if (count < 0 || count >= MOST_TOKENS || !read_pieces(pieces, training))
        return not_implemented();
    training.count = size_t(count);
    training.tick = check_signals;
    Learnt learnt;
    {
        nb::gil_scoped_release released;
        learnt = learn_merges(training);
    }
    nb::list tokens, merges;
    for (const std::string& token : learnt.tokens)
        tokens.append(nb::bytes(token.data(), token.size()));
    for (const Pair& pair : learnt.merges) merges.append(nb::make_tuple(pair.first, pair.second));
    return nb::make_tuple(tokens, merges);
}

} // namespace

void bind_tokenizer(nb::module_& m) {
    m.def("split_pieces", &split_pieces, "text"_a, "The pieces of GPT-2's pattern.");
    nb::class_<BytePairEncoder>(m, "BytePairEncoder", "Text to ids by byte pairs.")
        .def(nb::init<Table, Table>(), "byte_ids"_a, "merges"_a,
             "byte_ids (256,), -1 for none; merges (N, 3): left, right and merged id, by rank.")
        .def("encode", &BytePairEncoder::encode, "text"_a, "Ids (T,) in uint32.")
        .def("merge", &BytePairEncoder::merge, "ids"_a, "The ids of one piece, merged.");
    nb::class_<TokenBytes>(m, "TokenBytes", "Ids to bytes.")
        .def(nb::init<nb::typed<nb::list, nb::bytes>>(), "tokens"_a)
        .def("of_array", &TokenBytes::of_array, "ids"_a, "The bytes of ids (T,) in uint32.")
        .def("of_list", &TokenBytes::of_list, "ids"_a, "The bytes of a list of integers.");
    nb::class_<Counter>(m, "PieceCounter", "How often each piece of a text occurs.")
        .def(nb::init<>())
        .def("add", &Counter::add, "text"_a, "Count all pieces of a text; False: not possible.")
        .def("counts", &Counter::counts, "Piece to frequency.");
    m.def("learn_merges", &learn, "pieces"_a, "count"_a, "byte_order"_a,
          "Tokens and merges, by the rule of bpe_training.learn_merges.");
}

} // namespace weft
