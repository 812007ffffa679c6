// The thread pool. A kernel cuts its output into tiles and calls parallel_for; which thread
// computes a tile is not fixed, what a tile contains is, so the bits never depend on the threads.
#pragma once
#include <stdint.h>

namespace weft {

using Task = void (*)(void* context, int64_t index);

// Call task(context, i) for each i in [0, n), and return when all are done. Calls from inside a
// task, and calls while another thread is using the pool, run on the calling thread alone.
void parallel_for(int64_t n, Task task, void* context);

// Threads that go through a long task side by side, and meet at barriers: a barrier costs a third
// of what starting and ending a parallel_for does. What is between two barriers is cut into pieces,
// of which each thread has its own, the same ones in every run: they stay in its caches.
class Team {
  public:
    static constexpr int MOST = 64;

    // task(context, team, index) on each of `size` threads at once: as many as parallel_for would
    // use, MOST at most. No parallel_for inside.
    using Task = void (*)(void* context, Team& team, int index);
    static void run(Task task, void* context);

    int size() const { return members; }

    // body(context, piece) for each piece in [0, n), once; then a barrier. The same call on all
    // threads. `helps`: whoever is ready takes pieces of the others, which pays when the pieces are
    // long and something else may hold a thread up.
    void share(int index, int64_t n, bool helps, void (*body)(void* context, int64_t piece),
               void* context);

  private:
    friend struct TeamStart;
    explicit Team(int members) : members(members) {}
    void barrier(int index);

    // Each thread writes its own line, so that a barrier costs one way between two processors.
    struct alignas(64) Member {
        uint32_t round = 0;           // barriers that it has reached
        alignas(64) int64_t taken[2]; // pieces of this round that are being done; of the next one
        Member() : taken{0, 0} {}
    };
    int members;
    Member member[MOST];
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
