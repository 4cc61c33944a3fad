// SyscallWatch: sees every system call that a thread makes beside those that it may make.
//
// A seccomp filter on the calling thread alone, so nothing is slowed down or missed: futex, sleeps, polls, mmap and brk
// (an allocator that grows), open, fsync and the rest are trapped and counted, and fail with ENOSYS.  There is no way
// back: use it on a thread that ends with the test.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace holdfast::test {

// Puts the calling thread under watch.  Empty, or why this machine cannot.
[[nodiscard]] std::string watch_syscalls(std::initializer_list<int> allowed);

// Trapped so far, of all watched threads together, but for those between pause and resume.
[[nodiscard]] std::uint64_t trapped_count();

// "futex(202) 3 times, …" of what was trapped.
[[nodiscard]] std::string trapped_text();

}  // namespace holdfast::test
