// Chooses the I/O back-end of a datastore and says why.  Nothing is trusted before a real 4 KiB
// read came back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/io_backend.h"

namespace holdfast {

enum class BackendChoice : std::uint8_t { Auto = 1, Uring = 2, Aio = 3 };

// "auto", "io_uring" or "libaio".
[[nodiscard]] Result<BackendChoice> parse_backend_choice(std::string_view text);

// The environment variable HOLDFAST_IO, where set, overrides `configured`.
[[nodiscard]] Result<BackendChoice> effective_backend_choice(BackendChoice configured);

struct SelectedBackend {
    std::unique_ptr<IoBackend> backend;
    std::string reason;  // one sentence: what is used and why
};

// Makes the back-end and proves it by reading block 0 within `self_test_timeout`.  Blocks at most
// about that long per back-end tried.  A self-test that hangs ends the attempt: storage that does
// not answer says nothing about back-ends.
[[nodiscard]] Result<SelectedBackend> select_backend(BackendChoice choice,
                                                     const IoTarget& target,
                                                     Duration self_test_timeout);

}  // namespace holdfast
