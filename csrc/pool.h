// The thread pool. A kernel cuts its output into tiles and calls parallel_for; which thread
// computes a tile is not fixed, what a tile contains is, so the bits never depend on the threads.
#pragma once
#include <stdint.h>

namespace weft {

using Task = void (*)(void* context, int64_t index);

// Call task(context, i) for each i in [0, n), and return when all are done. Calls from inside a
// task, and calls while another thread is using the pool, run on the calling thread alone.
void parallel_for(int64_t n, Task task, void* context);

// Threads that are asked for; no more run at once than there are processors.
int num_threads();
void set_num_threads(int n); // n >= 1

// Processors that the pool counts on: those available, unless it was told otherwise.
int processors();
void set_processors(int n); // n >= 1

// Processors this process may use: the smaller of its affinity mask and its cgroup's quota.
int available_processors();

// Flush subnormals to zero on this thread while it lives. Subnormals are up to 100 times slower,
// and every thread of a kernel must treat them alike.
class FlushSubnormals {
  public:
    FlushSubnormals();
    ~FlushSubnormals();
    FlushSubnormals(const FlushSubnormals&) = delete;
    FlushSubnormals& operator=(const FlushSubnormals&) = delete;

  private:
    uint64_t saved;
};

} // namespace weft
