// hf_bench_area: makes a datastore of an empty, sparse target without writing its zeros, so that an agent of a large
// cluster can be measured without gigabytes.  Only for targets that are nothing but zeros already.
//
//     hf_bench_area PATH HOSTS_MAX CLUSTER_UUID NUMBER
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>

#include <fcntl.h>
#include <unistd.h>

#include "agent/text.h"
#include "bench/support/cluster_records.h"
#include "storage/block_target.h"
#include "storage/superblock.h"

int main(int argc, char** argv) {
    using namespace holdfast;
    const int hosts = argc == 5 ? std::atoi(argv[2]) : 0;
    const auto cluster = argc == 5 ? parse_uuid(argv[3]) : std::nullopt;
    if (hosts < 1 || hosts > static_cast<int>(kHostsMax) || !cluster) {
        std::fputs("usage: hf_bench_area PATH HOSTS_MAX CLUSTER_UUID NUMBER\n", stderr);
        return 2;
    }
    Superblock superblock;
    superblock.cluster = *cluster;
    superblock.datastore = bench::uuid_of(8, static_cast<std::uint32_t>(std::atoi(argv[4])));
    superblock.geometry = Geometry{static_cast<std::uint32_t>(hosts), kHeapBytesMin};
    std::array<std::byte, 2 * kBlockBytes> blocks{};
    encode_superblock(superblock, std::span(blocks).first(kBlockBytes));
    encode_superblock(superblock, std::span(blocks).subspan(kBlockBytes));
    const OwnedFd file{::open(argv[1], O_RDWR | O_CLOEXEC)};
    const off_t size = file.get() < 0 ? -1 : ::lseek(file.get(), 0, SEEK_END);
    if (size < static_cast<off_t>(superblock.geometry.total_bytes())) {
        std::fprintf(stderr,
                     "hf_bench_area: %s: %s\n",
                     argv[1],
                     size < 0 ? std::strerror(errno) : "is too small");
        std::printf("%llu\n", static_cast<unsigned long long>(superblock.geometry.total_bytes()));
        return 1;
    }
    const bool written = ::pwrite(file.get(), blocks.data(), blocks.size(), 0) ==
                             static_cast<ssize_t>(blocks.size()) &&
                         ::fsync(file.get()) == 0;
    return written ? 0 : 1;
}
