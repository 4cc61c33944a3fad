// AlignedBuffer: 4096-aligned zeroed memory for O_DIRECT, for tools that read and write with plain
// system calls.  (The beat path uses DatastoreMemory.)
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "engine/base/check.h"
#include "storage/geometry.h"

namespace holdfast {

class AlignedBuffer {
  public:
    // REQUIRES: bytes is a multiple of 4096
    explicit AlignedBuffer(std::size_t bytes)
        : memory_(static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, bytes))), bytes_(bytes) {
        HF_CHECK(memory_ != nullptr && bytes % kBlockBytes == 0);
        std::memset(memory_.get(), 0, bytes);
    }

    [[nodiscard]] std::span<std::byte> span() { return {memory_.get(), bytes_}; }

    [[nodiscard]] std::span<const std::byte> span() const { return {memory_.get(), bytes_}; }

  private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };

    std::unique_ptr<std::byte, Free> memory_;
    std::size_t bytes_;
};

}  // namespace holdfast
