// The back-end that everybody would write first: one pwrite or pread after the other, in the calling thread.  For
// comparison only: a hung datastore stops its thread inside submit(), which is why the agent has no such back-end.
#pragma once

#include <memory>

#include "storage/io_backend.h"

namespace holdfast::measure {

[[nodiscard]] std::unique_ptr<IoBackend> make_plain_backend(int file);

}  // namespace holdfast::measure
