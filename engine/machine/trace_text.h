// The sentences of the trace that have a file of their own; see trace_text() in trace.h.
#pragma once

#include "engine/machine/trace.h"

namespace holdfast {

// Of FenceAsked to StartUnanswered.  Writes into `text` (always terminated); returns the length.
std::size_t fencing_text(const Trace& trace, char* text, std::size_t text_bytes_max);

}  // namespace holdfast
