#include "bench/support/interval_bench.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace holdfast::bench {

int run_interval_bench(int argc,
                       char** argv,
                       const char* program,
                       std::uint32_t intervals_default,
                       const MeasureIntervals& measure) {
    std::uint32_t intervals = intervals_default;
    std::string json;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--intervals") intervals = static_cast<std::uint32_t>(std::atoi(argv[i + 1]));
        if (word == "--json") json = argv[i + 1];
    }
    if (json.empty() || intervals == 0) {
        std::fprintf(stderr, "usage: %s [--intervals N] --json FILE\n", program);
        return 2;
    }
    std::FILE* out = std::fopen(json.c_str(), "w");
    if (out == nullptr) {
        std::fprintf(stderr, "%s: %s: %s\n", program, json.c_str(), std::strerror(errno));
        return 2;
    }
    const char* separator = "[\n";
    const bool all = measure(intervals, out, separator);
    std::fputs("\n]\n", out);
    std::fclose(out);
    return all ? 0 : 1;
}

std::uint32_t intervals_for(std::uint32_t intervals, std::uint16_t hosts, std::uint32_t least) {
    return std::max(intervals * 64 / std::max<std::uint32_t>(hosts, 16), least);
}

}  // namespace holdfast::bench
