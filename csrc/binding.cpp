// The module weft._native: settings here, kernels in binding_<group>.cpp.
#include "binding.h"
#include "isa.h"
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <vector>

namespace weft {

void bind_attention(nb::module_& m);
void bind_decoder(nb::module_& m);
void bind_elementwise(nb::module_& m);
void bind_matmul(nb::module_& m);
void bind_optimizer(nb::module_& m);
void bind_recurrent(nb::module_& m);
void bind_rows(nb::module_& m);
void bind_tokenizer(nb::module_& m);
void bind_tokens(nb::module_& m);

namespace {

std::vector<std::string> isas() {
    std::vector<std::string> names;
    for (int i = 0; const char* name = runnable_isa(i); i++) names.push_back(name);
    return names;
}

std::string isa() { return kernels().isa; }

void choose_isa(const std::string& name) {
    if (set_isa(name.c_str())) return;
    std::string known;
    for (const std::string& other : isas()) known += (known.empty() ? "" : ", ") + other;
    fail(PyExc_ValueError, "instruction set '%s' cannot run here; choose one of: %s", name.c_str(),
         known.c_str());
}

void choose_threads(int n) {
    if (n < 1 || n > 1024) fail(PyExc_ValueError, "number of threads is %d; choose 1 to 1024", n);
    set_num_threads(n);
}

void choose_processors(int n) {
    if (n < 1 || n > 1024) fail(PyExc_ValueError, "processors are %d; choose 1 to 1024", n);
    set_processors(n);
}

// In GFLOP/s, or GB/s for memory.
double peak(const std::string& kind, double seconds) {
    if (!(seconds > 0 && seconds <= 60)) fail(PyExc_ValueError, "seconds must be in (0, 60]");
    Peak which = Peak::float32;
    if (kind == "bfloat16")
        which = Peak::bfloat16;
    else if (kind == "memory")
        which = Peak::memory;
    else if (kind != "float32")
        fail(PyExc_ValueError, "peak '%s' is unknown; choose one of: float32, bfloat16, memory",
             kind.c_str());
    Section section(1 << 20);
    return 1e-9 * kernels().measure_peak(which, seconds);
}

} // namespace

NB_MODULE(_native, m) {
    initialise_arrays();
    m.def("isas", &isas, "Instruction sets that this CPU can run, the best one last.");
    m.def("isa", &isa, "The instruction set in use.");
    m.def("set_isa", &choose_isa, "name"_a, "Use this instruction set from now on.");
    m.def("lanes", [] { return kernels().lanes; }, "float32 elements in one vector.");
    m.def("num_threads", &num_threads, "Threads that kernels run on, where there are processors.");
    m.def("set_num_threads", &choose_threads, "n"_a);
    m.def("processors", &processors, "Processors that threads are spread over.");
    m.def("set_processors", &choose_processors, "n"_a,
          "Count on this many: for tests, and where the system does not say how many there are.");
    m.def("measure_peak", &peak, "kind"_a, "seconds"_a,
          "The most that this machine does with all threads: GFLOP/s, or GB/s for 'memory'.");
    bind_attention(m);
    bind_decoder(m);
    bind_elementwise(m);
    bind_matmul(m);
    bind_optimizer(m);
    bind_recurrent(m);
    bind_rows(m);
    bind_tokenizer(m);
    bind_tokens(m);
}

} // namespace weft
