// The error of a system call on a path.
#pragma once

#include <cstring>
#include <string>

#include "engine/base/result.h"

namespace holdfast {

// "WHAT PATH: what the system says".
[[nodiscard]] inline Unexpected<Error> failed(const std::string& what,
                                              const std::string& path,
                                              int system_errno) {
    return Unexpected{
        Error{system_errno, what + " " + path + ": " + ::strerrordesc_np(system_errno)}};
}

}  // namespace holdfast
