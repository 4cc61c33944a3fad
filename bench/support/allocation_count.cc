#include "bench/support/allocation_count.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace {

thread_local std::int64_t count = 0;

}  // namespace

// glibc's own allocator under the names that it keeps for replacements like these.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t items, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

// NOLINTEND(bugprone-reserved-identifier)

void* malloc(std::size_t bytes) {
    ++count;
    return __libc_malloc(bytes);
}

void* calloc(std::size_t items, std::size_t bytes) {
    ++count;
    return __libc_calloc(items, bytes);
}

void* realloc(void* memory, std::size_t bytes) {
    ++count;
    return __libc_realloc(memory, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    ++count;
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
    ++count;
    *memory = __libc_memalign(alignment, bytes);
    return *memory == nullptr ? ENOMEM : 0;
}
}

namespace holdfast::bench {

std::int64_t allocations_of_this_thread() {
    return count;
}

}  // namespace holdfast::bench
