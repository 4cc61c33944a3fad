// Owners for what libvirt's C API hands out, and its last error as text.  Any thread.
#pragma once

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "engine/base/types.h"

namespace holdfast {

struct FreeDomain {
    void operator()(virDomain* domain) const { virDomainFree(domain); }
};

struct FreeText {
    void operator()(char* text) const {
        // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): libvirt allocates with malloc
        std::free(text);
    }
};

using DomainPtr = std::unique_ptr<virDomain, FreeDomain>;
using TextPtr = std::unique_ptr<char, FreeText>;

// The last error of the calling thread.
[[nodiscard]] inline std::string last_libvirt_error() {
    const virError* error = virGetLastError();
    return error == nullptr || error->message == nullptr ? "no reason given" : error->message;
}

[[nodiscard]] inline int last_libvirt_code() {
    const virError* error = virGetLastError();
    return error == nullptr ? VIR_ERR_OK : error->code;
}

[[nodiscard]] inline std::optional<VmId> id_of(virDomain* domain) {
    VmId vm;
    if (virDomainGetUUID(domain, vm.bytes.data()) != 0) return std::nullopt;
    return vm;
}

// Null when libvirt does not know it; see last_libvirt_code() for VIR_ERR_NO_DOMAIN.
[[nodiscard]] inline DomainPtr find_domain(virConnect* connection, const VmId& vm) {
    return DomainPtr(virDomainLookupByUUID(connection, vm.bytes.data()));
}

}  // namespace holdfast
