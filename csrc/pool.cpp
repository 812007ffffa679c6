// Threads are started at the first use and never joined: the pool's memory is leaked on purpose, so
// that a worker which outlives main's statics, or a fork which loses the workers, finds no corpse.
#include "pool.h"
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <pthread.h>
#include <system_error>
#include <thread>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace weft {
namespace {

// Longer than the gap between two kernels of a step, and a few times what waking a sleeper costs.
// In time, not in turns: what a pause takes differs tenfold between processors.
constexpr std::chrono::microseconds SPIN(200);
constexpr int TURNS = 16; // between two looks at the clock

void pause() {
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spin until ready(), but only shortly: false if it did not become true.
template <class F> bool spin(const F& ready) {
    const auto end = std::chrono::steady_clock::now() + SPIN;
    do
        for (int i = 0; i < TURNS; i++) {
            if (ready()) return true;
            pause();
        }
    while (std::chrono::steady_clock::now() < end);
    return ready();
}

thread_local bool inside = false; // this thread is running a task

class Pool {
  public:
    void run(int64_t n, Task task, void* context, int threads);
    int start(int helpers);
    std::atomic<bool> busy{false};

  private:
    static constexpr int MOST = 64;
    struct alignas(64) Piece { // of the tasks, from `next` to `end`
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };

    void work(int index);
    void cut(int64_t n, int pieces);
    void drain(int index);
    bool join();
    void leave();
    uint64_t wait_for_job(uint64_t seen);
    void wait_for_workers();

    // The job. A worker may read it only between join() and leave(): `open` is cleared and `active`
    // has come down to 0 before it is written again.
    Task task = nullptr;
    void* context = nullptr;
    int pieces = 0; // as many as threads take part, MOST at most
    Piece piece[MOST];
    std::atomic<bool> open{false};
    std::atomic<int> active{0};
    std::atomic<int> limit{0}; // workers with an index below this one take part

    std::atomic<uint64_t> generation{0};
    std::atomic<int> sleepers{0};
    std::atomic<bool> caller_sleeps{false};
    std::mutex mutex;
    std::condition_variable wake, done;
    int started = 0;
};

// Each thread has a piece of its own, the same part of every job: what it wrote in the kernel
// before, rows of an activation, it finds in its own cache again.
void Pool::cut(int64_t n, int count) {
    pieces = count < MOST ? count : MOST;
    for (int64_t i = 0; i < pieces; i++) {
        piece[i].next.store(n * i / pieces, std::memory_order_relaxed);
        piece[i].end = n * (i + 1) / pieces;
    }
}

// Thread `index` takes its own piece, then what others have left of theirs.
void Pool::drain(int index) {
    inside = true;
    for (int k = 0; k < pieces; k++) {
        Piece& from = piece[(index + k) % pieces];
        for (int64_t i; (i = from.next.fetch_add(1, std::memory_order_relaxed)) < from.end;)
            task(context, i);
    }
    inside = false;
}

// The increment and the load of `open`, against run()'s store to `open` and load of `active`, are
// all sequentially consistent: either the worker sees that the job is closed, or run() sees it.
bool Pool::join() {
    active.fetch_add(1);
    if (open.load()) return true;
    leave();
    return false;
}

void Pool::leave() {
    if (active.fetch_sub(1) == 1 && caller_sleeps.load()) {
        std::lock_guard lock(mutex);
        done.notify_one();
    }
}

uint64_t Pool::wait_for_job(uint64_t seen) {
    const auto called = [&] { return generation.load() != seen; };
    if (spin(called)) return generation.load();
    std::unique_lock lock(mutex);
    sleepers.fetch_add(1);
    wake.wait(lock, called);
    sleepers.fetch_sub(1);
    return generation.load();
}

void Pool::wait_for_workers() {
    const auto finished = [&] { return active.load() == 0; };
    if (spin(finished)) return;
    std::unique_lock lock(mutex);
    caller_sleeps.store(true);
    done.wait(lock, finished);
    caller_sleeps.store(false);
}

void Pool::work(int index) {
    FlushSubnormals flush;
    for (uint64_t seen = 0;;) {
        seen = wait_for_job(seen);
        if (index >= limit.load() || !join()) continue;
        drain(index + 1);
        leave();
    }
}

// Where the system has no more threads to give, fewer do the work.
int Pool::start(int helpers) {
    try {
        for (; started < helpers; started++) std::thread(&Pool::work, this, started).detach();
    } catch (const std::system_error&) { return started; }
    return helpers;
}

void Pool::run(int64_t n, Task f, void* ctx, int threads) {
    const int helpers = start(int(n < threads ? n : threads) - 1);
    task = f, context = ctx;
    cut(n, helpers + 1);
    limit.store(helpers);
    open.store(true);
    generation.fetch_add(1);
    if (sleepers.load()) {
        std::lock_guard lock(mutex);
        wake.notify_all();
    }
    drain(0);
    open.store(false);
    wait_for_workers();
}

std::atomic<Pool*> pool{nullptr};
std::atomic<int> threads{0};   // 0: not yet chosen
std::atomic<int> available{0}; // 0: not yet known

Pool& get_pool() {
    Pool* p = pool.load();
    if (p) return *p;
    static std::once_flag once;
    std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { pool.store(nullptr); }); });
    Pool* fresh = new Pool;
    if (pool.compare_exchange_strong(p, fresh)) return *fresh;
    delete fresh;
    return *p;
}

} // namespace

void parallel_for(int64_t n, Task task, void* context) {
    // More threads than processors would only take turns, and wait for one that is not running.
    const int wanted = num_threads(), most = processors(), usable = wanted < most ? wanted : most;
    if (n > 1 && !inside && usable > 1) {
        Pool& p = get_pool();
        if (!p.busy.exchange(true)) {
            p.run(n, task, context, usable);
            p.busy.store(false);
            return;
        }
    }
    for (int64_t i = 0; i < n; i++) task(context, i);
}

// ---- teams --------------------------------------------------------------------------------------

// Each of the pool's tasks is one member, and keeps its thread until it ends: there are as many
// threads as members.
struct TeamStart {
    Team::Task task;
    void* context;
    Team& team;

    static Team make(int members) { return Team(members); }
    static void member(void* start, int64_t index) {
        auto& s = *static_cast<TeamStart*>(start);
        s.task(s.context, s.team, int(index));
    }
};

void Team::run(Task task, void* context) {
    const int wanted = num_threads(), most = processors();
    int usable = wanted < most ? wanted : most;
    usable = usable < MOST ? usable : MOST;
    if (usable > 1 && !inside) {
        Pool& p = get_pool();
        if (!p.busy.exchange(true)) {
            Team team = TeamStart::make(p.start(usable - 1) + 1);
            TeamStart start{task, context, team};
            p.run(team.members, &TeamStart::member, &start, team.members);
            p.busy.store(false);
            return;
        }
    }
    Team alone = TeamStart::make(1);
    task(context, alone, 0);
}

// A piece of a phase can be taken only while the phase lasts: before it is over somebody has taken
// each of its pieces. So what the taker made of its input before is made of the right one.
void Team::share(int index, int64_t phase, int64_t n, int64_t pieces,
                 void (*body)(void* context, int64_t begin, int64_t end), void* context) {
    pieces = pieces < MOST ? pieces : MOST;
    pieces = pieces < n ? pieces : n;
    for (int64_t i = 0; i < pieces && !over(phase); i++) {
        const int64_t mine = (pieces * index / members + i) % pieces;
        int64_t* taken = &piece[mine].taken;
        int64_t before = __atomic_load_n(taken, __ATOMIC_RELAXED);
        if (before > phase || !__atomic_compare_exchange_n(taken, &before, phase + 1, false,
                                                           __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            continue;
        body(context, n * mine / pieces, n * (mine + 1) / pieces);
        if (__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL) < pieces) continue;
        __atomic_store_n(&done, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&current, phase + 1, __ATOMIC_RELEASE);
    }
    for (int turn = 0; !over(phase); turn++) // somebody is still at a piece
        if (turn < 4096)
            pause();
        else
            std::this_thread::yield();
}

int num_threads() {
    int n = threads.load(std::memory_order_relaxed);
    if (n == 0) threads.store(n = processors());
    return n;
}

void set_num_threads(int n) { threads.store(n); }

int processors() {
    int n = available.load(std::memory_order_relaxed);
    if (n == 0) available.store(n = available_processors());
    return n;
}

void set_processors(int n) { available.store(n); }

#if defined(__SSE2__)
FlushSubnormals::FlushSubnormals() : saved(_mm_getcsr()) {
    _mm_setcsr((unsigned)saved | 0x8040); // FTZ, DAZ
}
FlushSubnormals::~FlushSubnormals() { _mm_setcsr((unsigned)saved); }
#elif defined(__aarch64__)
FlushSubnormals::FlushSubnormals() {
    asm volatile("mrs %0, fpcr" : "=r"(saved));
    asm volatile("msr fpcr, %0" ::"r"(saved | (1 << 24))); // FZ
}
FlushSubnormals::~FlushSubnormals() { asm volatile("msr fpcr, %0" ::"r"(saved)); }
#else
FlushSubnormals::FlushSubnormals() : saved(0) {}
FlushSubnormals::~FlushSubnormals() {}
#endif

} // namespace weft
