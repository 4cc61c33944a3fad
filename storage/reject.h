// Reject: why bytes from a datastore were not believed.  A plain value that every decoder of this
// folder returns, without allocation, so that the beat path can count it; explain() turns it into a
// sentence for people.
//
// A rejected copy is *no information*: never "dead", never "empty".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/types.h"

namespace holdfast {

enum class RejectCode : std::uint8_t {
    Unwritten = 0,        // all zero: nothing was ever written here
    Truncated = 1,        // fewer bytes than the record needs
    BadMagic = 2,         // not a record of this kind
    NewerVersion = 3,     // written by a newer Holdfast; nothing behind the version was looked at
    OlderVersion = 4,     // older than what this Holdfast reads
    BadChecksum = 5,      // torn or damaged: the first-sector part
    BadBodyChecksum = 6,  // torn or damaged: entries behind the first sector
    ForeignCluster = 7,   // belongs to another cluster
    WrongPosition = 8,    // another host's record: a misdirected write
    OutOfRange = 9,       // the checksum is right and a value is impossible: a bug of the writer
    ReadFailed = 10,      // the device gave an error instead of bytes
};

inline constexpr std::size_t kRejectCodes = 11;

struct Reject {
    RejectCode code = RejectCode::Unwritten;
    std::uint16_t offset_bytes = 0;  // of the field within the record
    std::uint64_t found = 0;
    std::uint64_t expected = 0;  // for OutOfRange: the largest value allowed

    friend bool operator==(const Reject&, const Reject&) = default;
};

// Which bytes were rejected, for messages.
struct RejectPlace {
    std::string_view datastore;  // name or path
    std::string_view region;     // "slot", "roster", ...
    HostId host;                 // none for the superblock
    std::string_view copy;       // "A", "B" or empty
};

// Short stable word for counters and JSON ("bad_checksum"); never null.
[[nodiscard]] const char* to_string(RejectCode code);

// One sentence: what, where, the numbers, the next step.
[[nodiscard]] std::string explain(const Reject& reject, const RejectPlace& place);

// Counts rejects by reason.  Belongs to one thread; read by others only through what the owner
// publishes.
class RejectCounters {
  public:
    void add(RejectCode code) { ++counts_[static_cast<std::size_t>(code)]; }

    [[nodiscard]] std::uint64_t of(RejectCode code) const {
        return counts_[static_cast<std::size_t>(code)];
    }

    // Without Unwritten, which is no fault.
    [[nodiscard]] std::uint64_t faults() const {
        std::uint64_t sum = 0;
        for (std::size_t i = 1; i < kRejectCodes; ++i) sum += counts_[i];
        return sum;
    }

  private:
    std::array<std::uint64_t, kRejectCodes> counts_{};
};

// What every record must match: whose cluster, and at whose position it was found.
struct BlockContext {
    ClusterUuid cluster;
    HostId host;
};

}  // namespace holdfast
