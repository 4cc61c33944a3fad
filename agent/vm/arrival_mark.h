// The mark that lets libvirt's hook tell the QEMU of a live migration from any other start of the same VM.
//
// libvirt asks the hook before a migration begins, and takes the XML that the hook prints for the migration; so the hook puts a
// number into its metadata.  libvirt asks again before the QEMU starts, and only the XML of that migration has the number:
//
//     <metadata>
//       <holdfast:arrival xmlns:holdfast="https://holdfast.example/arrival/1" number="17"/>
//     </metadata>
//
// It stays in the live XML and is never part of the definition that the next start uses.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"

namespace holdfast {

// The number in `xml`; 0: none.
[[nodiscard]] std::uint32_t arrival_in(const std::string& xml);

// `xml` with that number, and no older one.
[[nodiscard]] Result<std::string> with_arrival(const std::string& xml, std::uint32_t number);

// `holdfast-vm --let-in NUMBER`: standard input to standard output.  Returns 0, or 1 and says why on standard error.
[[nodiscard]] int mark_standard_input(const std::string& number);

}  // namespace holdfast
