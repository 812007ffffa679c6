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

// Each round adds up what all members wrote in the round before.
struct Rounds {
    static constexpr int N = 40, PIECES = 13;
    int64_t sums[N + 1][PIECES] = {};
    bool helps;
    std::atomic<int> members{0};
};

void team_of(int threads, bool helps) {
    weft::set_num_threads(threads);
    Rounds rounds;
    rounds.helps = helps;
    for (int64_t& sum : rounds.sums[0]) sum = 1;
    weft::Team::run(
        [](void* context, weft::Team& team, int index) {
            auto& r = *static_cast<Rounds*>(context);
            r.members++;
            for (int round = 0; round < Rounds::N; round++) {
                struct Piece {
                    int64_t *from, *to;
                } piece{r.sums[round], r.sums[round + 1]};
                team.share(
                    index, Rounds::PIECES, r.helps,
                    [](void* p, int64_t i) {
                        const auto& at = *static_cast<Piece*>(p);
                        for (int j = 0; j < Rounds::PIECES; j++) at.to[i] += at.from[j] % 1000;
                    },
                    &piece);
            }
        },
        &rounds);
    expect(rounds.members >= 1 && rounds.members <= threads, "as many members as threads");
    int64_t expected = 1;
    for (int round = 0; round < Rounds::N; round++) expected = expected % 1000 * Rounds::PIECES;
    for (int64_t sum : rounds.sums[Rounds::N]) expect(sum == expected, "each piece once a round");
}

void teams() {
    for (int threads : {1, 2, 3, 8, 2})
        for (int i = 0; i < 50; i++) team_of(threads, i % 2 == 0);
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
