// optimizer.cpp for Python.
#include "binding.h"
#include <algorithm>
#include <math.h>
#include <type_traits>
#include <vector>

namespace weft {
namespace {

// The lists of a call as its kernel takes them; all arrays float32, or else the reference: which
// takes float64, and says so of anything else.
class Columns {
  public:
    explicit Columns(const char* function) : function(function) {}

    template <class List> void add(const char* name, const List& list) {
        if (columns == 0) begin(list);
        if (list.items.size() != size_t(lists.count))
            fail(PyExc_ValueError, "%s: %zu arrays p, %zu arrays %s", function, size_t(lists.count),
                 list.items.size(), name);
        std::vector<float*>& column = pointers[columns];
        column.reserve(list.items.size());
        for (size_t i = 0; i < list.items.size(); i++) {
            const Array& array = list.items[i];
            if (array.dtype != Dtype::f32) throw Unsupported();
            require_same_shape(function, "p", *first[i], name, array);
            column.push_back(data<float>(array));
            occupy<List>(array);
        }
        lists.arrays[columns++] = column.data();
    }

    template <class List> void occupy(const Array& array) {
        const float* begin = data<float>(array);
        spans.push_back({begin, begin + array.size, std::is_same_v<List, InOuts>});
    }

    // Element i of a result must not depend on when element j was written.
    void require_apart() {
        std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
            return reinterpret_cast<uintptr_t>(a.begin) < reinterpret_cast<uintptr_t>(b.begin);
        });
        uintptr_t read = 0, written = 0; // up to here
        for (const Span& span : spans) {
            const auto begin = reinterpret_cast<uintptr_t>(span.begin);
            const auto end = reinterpret_cast<uintptr_t>(span.end);
            if (begin == end) continue;
            if (begin < written || (span.changed && begin < read))
                fail(PyExc_ValueError, "%s: two of the arrays share memory; pass copies", function);
            uintptr_t& reached = span.changed ? written : read;
            reached = std::max(reached, end);
        }
    }

    operator const Lists&() const { return lists; }
    int64_t size() const { return lists.count ? ends.back() : 0; }

  private:
    struct Span {
        const float *begin, *end;
        bool changed;
    };

    template <class List> void begin(const List& list) {
        int64_t end = 0;
        for (const Argument& item : list.items) {
            first.push_back(&item.array);
            ends.push_back(end += item.array.size);
        }
        lists.count = int64_t(ends.size());
        lists.ends = ends.data();
    }

    const char* function;
    int columns = 0;
    std::vector<const Array*> first;
    std::vector<int64_t> ends;
    std::vector<float*> pointers[4];
    std::vector<Span> spans;
    Lists lists = {};
};

// Adds one to each step, and returns 1 - beta1^step and 1 - beta2^step of each.
std::vector<double> count(const InOuts& steps, size_t arrays, double beta1, double beta2) {
    if (steps.items.size() != arrays)
        fail(PyExc_ValueError, "adam_step: %zu arrays p, %zu steps", arrays, steps.items.size());
    for (const Argument& step : steps.items) {
        if (!step.is(Dtype::f32)) throw Unsupported();
        if (step->size != 1) fail(PyExc_ValueError, "adam_step: a step must be one number");
    }
    std::vector<double> corrections;
    corrections.reserve(2 * arrays);
    for (const Argument& step : steps.items) {
        const double n = *data<float>(step) += 1;
        corrections.push_back(1 - pow(beta1, n));
        corrections.push_back(1 - pow(beta2, n));
    }
    return corrections;
}

Done adam_step(const InOuts& p, const Ins& g, const InOuts& m, const InOuts& v, const InOuts& steps,
               double scale, double lr, double beta1, double beta2, double eps, double weight_decay,
               bool decoupled) {
    Columns columns("adam_step");
    columns.add("p", p), columns.add("g", g), columns.add("m", m), columns.add("v", v);
    for (const Argument& step : steps.items) columns.occupy<InOuts>(step);
    columns.require_apart();
    const std::vector<double> corrections = count(steps, p.items.size(), beta1, beta2);
    run(columns.size(), [&] {
        kernels().adam_step(columns, corrections.data(),
                            {scale, lr, beta1, beta2, eps, weight_decay, decoupled});
    });
    return Done();
}

Done sgd_step(const InOuts& p, const Ins& g, const std::optional<InOuts>& buf, double scale,
              double lr, double momentum, double dampening, double weight_decay, bool nesterov,
              bool first) {
    Columns columns("sgd_step");
    columns.add("p", p), columns.add("g", g);
    if (buf) columns.add("buf", *buf);
    columns.require_apart();
    run(columns.size(), [&] {
        kernels().sgd_step(columns,
                           {scale, lr, momentum, dampening, weight_decay, nesterov, first});
    });
    return Done();
}

Done muon_step(const InOuts& p, const Ins& g, const InOuts& m, const In& rates, double scale,
               double decay, double momentum, bool nesterov, double a, double b, double c,
               double eps, int64_t steps) {
    Columns columns("muon_step");
    columns.add("p", p), columns.add("g", g), columns.add("m", m);
    const int64_t count = int64_t(p.items.size());
    if (!rates.is(Dtype::f32)) throw Unsupported();
    columns.occupy<Ins>(rates);
    columns.require_apart();
    if (rates->dims != 1 || rates->size != count)
        fail(PyExc_ValueError, "muon_step: %zd rates for %zd matrices", Py_ssize_t(rates->size),
             Py_ssize_t(count));
    if (steps < 0 || steps >= 100) fail(PyExc_ValueError, "muon_step: steps must be in [0, 100)");
    std::vector<int64_t> widths;
    for (const Argument& matrix : p.items) {
        if (matrix->dims != 2) fail(PyExc_ValueError, "muon_step: an array is no matrix");
        widths.push_back(matrix->shape[1]);
    }
    run(columns.size(), [&] {
        kernels().muon_step(columns, widths.data(), data<float>(rates),
                            {scale, decay, momentum, nesterov, a, b, c, eps, steps});
    });
    return Done();
}

double sum_of_squares(const Ins& x) {
    Columns columns("sum_of_squares");
    columns.add("x", x);
    Section section(columns.size());
    return kernels().sum_of_squares(columns);
}

Done scale_(const InOuts& x, double s) {
    Columns columns("scale_");
    columns.add("x", x);
    columns.require_apart();
    run(columns.size(), [&] { kernels().scale_(columns, float(s)); });
    return Done();
}

} // namespace

void bind_optimizer(nb::module_& m) {
    def(m, "adam_step", &adam_step, "p"_a, "g"_a, "m"_a, "v"_a, "steps"_a, "scale"_a, "lr"_a,
        "beta1"_a, "beta2"_a, "eps"_a, "weight_decay"_a, "decoupled"_a);
    def(m, "sgd_step", &sgd_step, "p"_a, "g"_a, "buf"_a.none(), "scale"_a, "lr"_a, "momentum"_a,
        "dampening"_a, "weight_decay"_a, "nesterov"_a, "first"_a);
    def(m, "muon_step", &muon_step, "p"_a, "g"_a, "m"_a, "rates"_a, "scale"_a, "decay"_a,
        "momentum"_a, "nesterov"_a, "a"_a, "b"_a, "c"_a, "eps"_a, "steps"_a);
    def(m, "sum_of_squares", &sum_of_squares, "x"_a);
    def(m, "scale_", &scale_, "x"_a, "s"_a);
}

} // namespace weft
