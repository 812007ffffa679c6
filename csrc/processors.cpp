// How many processors this process may use: a container that is given 2 of 64 must not start 64.
#include "pool.h"
#include <fstream>
#include <sched.h>
#include <string>
#include <thread>

namespace weft {
namespace {

int affinity() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return (int)std::thread::hardware_concurrency();
}

// Processors' worth of time per period; 0 when there is no limit to be read.
double quota_v2(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max"); // "max 100000" or "200000 100000"
    double quota, period;
    return file >> quota >> period ? quota / period : 0;
}

double quota_v1(const std::string& folder) {
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us"),
        period_file(folder + "/cpu.cfs_period_us");
    double quota, period;
    return quota_file >> quota && period_file >> period && quota > 0 ? quota / period : 0;
}

// Each line of /proc/self/cgroup is "id:controllers:path". A limit may sit on any ancestor.
double cgroup_quota() {
    double least = 0;
    auto consider = [&](double q) {
        if (q > 0 && (least == 0 || q < least)) least = q;
    };
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool v2 = controllers.empty();
        if (!v2 && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
        for (std::string path = line.substr(second + 1);;) {
            consider(v2 ? quota_v2("/sys/fs/cgroup" + path)
                        : quota_v1("/sys/fs/cgroup/cpu" + path));
            if (path.empty() || path == "/") break;
            path.resize(path.rfind('/'));
        }
    }
    return least;
}

} // namespace

int available_processors() {
    const int processors = affinity() > 0 ? affinity() : 1;
    const double quota = cgroup_quota();
    if (quota <= 0 || quota >= processors) return processors;
    return quota < 1 ? 1 : int(quota + 0.5);
}

} // namespace weft
