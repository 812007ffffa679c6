// The pool by itself, for ThreadSanitizer (csrc/sanitize.py), which Python's own threads would
// confuse. Exit code 1 and a line on stderr if a task is not run exactly once.
#include "pool.h"
#include <atomic>
#include <stdio.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

std::atomic<int> failures{0};

void expect(bool right, const char* what) {
    if (right) return;
    failures++;
    fprintf(stderr, "wrong: %s\n", what);
}

// Plain memory: that no two threads run one task, and that the caller sees what all have written,
// is for ThreadSanitizer to say.
using Counts = std::vector<int>;

void add_one(void* context, int64_t i) { (*static_cast<Counts*>(context))[size_t(i)]++; }

void check_once(int64_t n, const char* what) {
    Counts counts(size_t(n), 0);
    weft::parallel_for(n, add_one, &counts);
    for (int count : counts) expect(count == 1, what);
}

void many_sizes() {
    for (int threads : {1, 2, 3, 8, 4, 8, 1, 2}) {
        weft::set_num_threads(threads);
        for (int64_t n : {0, 1, 2, 3, 7, 8, 9, 100, 1000}) check_once(n, "each task once");
        for (int i = 0; i < 200; i++) check_once(i % 11, "each task once, in short jobs");
    }
}

// Long enough for the workers, and for the caller, to fall asleep.
void sleeping() {
    weft::set_num_threads(4);
    for (int i = 0; i < 20; i++) {
        usleep(2000);
        check_once(8, "each task once, after a pause");
        Counts counts(4, 0);
        weft::parallel_for(
            4,
            [](void* context, int64_t task) {
                if (task == 3) usleep(2000);
                add_one(context, task);
            },
            &counts);
        expect(counts == Counts(4, 1), "each task once, with a slow one");
    }
}

void nested() {
    weft::set_num_threads(4);
    std::vector<Counts> counts(16, Counts(16, 0));
    weft::parallel_for(
        16,
        [](void* context, int64_t i) {
            weft::parallel_for(16, add_one,
                               &(*static_cast<std::vector<Counts>*>(context))[size_t(i)]);
        },
        &counts);
    for (const Counts& row : counts) expect(row == Counts(16, 1), "each inner task once");
}

// Each phase adds up what all wrote in the phase before; some pieces take long, and one thread
// comes late.
struct Phases {
    static constexpr int COUNT = 40, N = 13;
    int64_t sums[COUNT + 1][N] = {};
    int64_t pieces;
    std::atomic<int> members{0};
};

void team_of(int threads, int64_t pieces) {
    weft::set_num_threads(threads);
    Phases phases;
    phases.pieces = pieces;
    for (int64_t& sum : phases.sums[0]) sum = 1;
    weft::Team::run(
        [](void* context, weft::Team& team, int index) {
            auto& p = *static_cast<Phases*>(context);
            p.members++;
            if (index == 1) usleep(300);
            for (int phase = 0; phase < Phases::COUNT; phase++) {
                struct Piece {
                    int64_t *from, *to;
                } piece{p.sums[phase], p.sums[phase + 1]};
                team.share(
                    index, phase, Phases::N, p.pieces,
                    [](void* context, int64_t begin, int64_t end) {
                        const auto& at = *static_cast<Piece*>(context);
                        for (int64_t i = begin; i < end; i++)
                            for (int j = 0; j < Phases::N; j++) at.to[i] += at.from[j] % 1000;
                        if (begin == 0 && at.from[0] % 3 == 0) usleep(50);
                    },
                    &piece);
                expect(team.over(phase) && !team.over(phase + Phases::COUNT), "a phase is over");
            }
        },
        &phases);
    expect(phases.members >= 1 && phases.members <= threads, "as many members as threads");
    int64_t expected = 1;
    for (int phase = 0; phase < Phases::COUNT; phase++) expected = expected % 1000 * Phases::N;
    for (int64_t sum : phases.sums[Phases::COUNT])
        expect(sum == expected, "each piece once a phase");
}

void teams() {
    for (int threads : {1, 2, 3, 8, 2})
        for (int64_t pieces = 1; pieces < 20; pieces++) team_of(threads, pieces);
    std::vector<std::thread> callers; // one of them has the pool, the others go alone
    for (int caller = 0; caller < 3; caller++)
        callers.emplace_back([] {
            for (int i = 0; i < 50; i++)
                team_of(4, true), check_once(20, "each task once, besides");
        });
    for (std::thread& caller : callers) caller.join();
}

void many_callers() {
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; caller++)
        callers.emplace_back([caller] {
            for (int i = 0; i < 300; i++) {
                if (i % 50 == 0) weft::set_num_threads(1 + (caller + i) % 5);
                check_once(i % 37, "each task once, with many callers");
            }
        });
    for (std::thread& caller : callers) caller.join();
}

} // namespace

int main() {
    weft::set_processors(8);
    many_sizes();
    sleeping();
    nested();
    many_callers();
    teams();
    if (!failures) puts("the pool runs each task once");
    return failures ? 1 : 0;
}
