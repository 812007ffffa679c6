// The thread pool. A kernel cuts its output into tiles and calls parallel_for; each thread begins
// with a part of its own and helps others when it is done. Which thread computes a tile is not
// fixed, what a tile contains is, so the bits never depend on the threads.
#pragma once
#include <stdint.h>

namespace weft {

using Task = void (*)(void* context, int64_t index);

// Call task(context, i) for each i in [0, n), and return when all are done. Calls from inside a
// task, and calls while another thread is using the pool, run on the calling thread alone.
void parallel_for(int64_t n, Task task, void* context);

// Threads that go through a long task side by side, phase by phase: going on to the next phase
// costs a third of what starting and ending a parallel_for does. A phase is cut into pieces. Each
// thread has its own, the same ones in every run, so that they stay in its caches, and takes those
// of threads that are not there: on a busy machine nobody waits for one that is not running.
class Team {
  public:
    static constexpr int MOST = 64;

    // task(context, team, index) on up to `size` threads at once: as many as parallel_for would
    // use, MOST at most. All of them make the same calls of share(). No parallel_for inside.
    using Task = void (*)(void* context, Team& team, int index);
    static void run(Task task, void* context);

    int size() const { return members; }

    // Whether all pieces of a phase (0, 1, ...) are done. What a thread makes for itself before it
    // takes pieces is then of no use: it comes late, and its input may be changing already.
    bool over(int64_t phase) const { return __atomic_load_n(&current, __ATOMIC_ACQUIRE) > phase; }

    // body(context, begin, end) for ranges of [0, n), n >= 1, each once by somebody; returns when
    // all are done. The phase is one more than that of the call before. At most `pieces` ranges, or
    // MOST.
    void share(int index, int64_t phase, int64_t n, int64_t pieces,
               void (*body)(void* context, int64_t begin, int64_t end), void* context);

  private:
    friend struct TeamStart;
    explicit Team(int members) : members(members) {}

    struct alignas(64) Piece {
        int64_t taken = 0; // 1 + the last phase in which somebody took it
    };
    int members;
    alignas(64) int64_t current = 0; // phase
    alignas(64) int64_t done = 0;    // pieces of it
    Piece piece[MOST];
};

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
