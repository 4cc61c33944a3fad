// TraceWriter: composes the sentence of a trace line in a buffer of fixed size.  Internal to the files that write such text.
#pragma once

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdio>

#include "engine/machine/trace.h"

namespace holdfast {

// Writes into a buffer that is always terminated.
class TraceWriter {
  public:
    TraceWriter(char* text, std::size_t bytes_max) : text_(text), bytes_max_(bytes_max) {
        if (bytes_max_ > 0) text_[0] = '\0';
    }

    __attribute__((format(printf, 2, 3))) void add(const char* format, ...) {
        if (length_ + 1 >= bytes_max_) return;
        std::va_list arguments;
        va_start(arguments, format);
        const int written =
            std::vsnprintf(text_ + length_, bytes_max_ - length_, format, arguments);
        va_end(arguments);
        if (written > 0)
            length_ = std::min(length_ + static_cast<std::size_t>(written), bytes_max_ - 1);
    }

    void vm(const Trace& trace) {
        add("VM %.*s", static_cast<int>(trace.vm_name.view().size()), trace.vm_name.view().data());
    }

    void host(const HostKey& key) {
        add("host %u", key.host.value());
        if (!key.incarnation.is_none())
            add(" (incarnation %u.%u)", key.incarnation.boot(), key.incarnation.restart());
    }

    [[nodiscard]] std::size_t length() const { return length_; }

  private:
    char* text_;
    std::size_t bytes_max_;
    std::size_t length_ = 0;
};

// Sentences about isolation and its consequences, and about what a start waits for (isolation_text.cc).
void isolation_text(const Trace& trace, TraceWriter& text);

// Sentences about the cluster's configuration (config_text.cc).
void config_text(const Trace& trace, TraceWriter& text);

// Sentences about live migrations (migration_text.cc).
void migration_text(const Trace& trace, TraceWriter& text);

// Sentences about failures that could be absorbed (admission_text.cc).
void admission_text(const Trace& trace, TraceWriter& text);

// Why no host can take a VM.
void no_room_text(const Trace& trace, TraceWriter& text);

}  // namespace holdfast
