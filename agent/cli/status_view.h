// The status for people, from its JSON: what scripts read and what people read can not differ.
#pragma once

#include <optional>
#include <string>

#include "engine/base/types.h"
#include "engine/machine/timing.h"

namespace holdfast::cli {

// Never throws: what is not JSON comes back as it is.
[[nodiscard]] std::string status_view(const std::string& json);

// One line of `holdfast events` from one line of its JSON.
[[nodiscard]] std::string event_view(const std::string& json);

// Any JSON as indented lines "key: value", without brackets and commas; for `holdfast inspect`.
[[nodiscard]] std::string indented_view(const std::string& json);

// One host of a status object, by name or id; id is none when there is no such host.
struct HostLook {
    HostId id;
    std::string name;
    Incarnation incarnation;
    std::string verdict;
    std::string heard;  // how long ago anything was heard of it, for people
};

[[nodiscard]] HostLook find_host(const std::string& status_json, const std::string& host);

// The timing that the host goes by.
[[nodiscard]] std::optional<Timing> find_timing(const std::string& status_json);

}  // namespace holdfast::cli
