// name_hash: the 32-bit name of a VM or of a group of VMs in fixed-size records, where whole names would not fit.
//
// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo), of the whole name.  Never 0, which stands for "no name".  Two names of one cluster
// share a hash once in a few billion pairs; then a VM waits for one more VM, or keeps apart from one more: never unsafe.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

[[nodiscard]] constexpr std::uint32_t name_hash(std::string_view name) {
    std::uint32_t hash = 0x811c9dc5U;
    for (const char letter : name) {
        hash ^= static_cast<std::uint8_t>(letter);
        hash *= 0x01000193U;
    }
    return hash == 0 ? 1 : hash;
}

}  // namespace holdfast
