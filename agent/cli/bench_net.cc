#include "agent/cli/measure_options.h"

namespace holdfast::cli {
int run_bench_net(const BenchOptions&) {
    return 2;
}
}  // namespace holdfast::cli
