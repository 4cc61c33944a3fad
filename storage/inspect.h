// Looking at a datastore, live or damaged, without changing it: every region decoded or its reject,
// as plain structs for `holdfast inspect`.  Reads with O_DIRECT, read-only; blocks; for the command
// line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/orders.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"
#include "storage/config_format.h"
#include "storage/geometry.h"
#include "storage/recorder_format.h"
#include "storage/reject.h"
#include "storage/signature.h"
#include "storage/superblock.h"

namespace holdfast {

// One copy of one record: decoded, or why not.
template <typename Record>
struct InspectedCopy {
    std::uint64_t offset_bytes = 0;
    std::shared_ptr<const Record> record;  // null when rejected
    Reject reject;                         // meaningful when record is null
    std::string problem;                   // the sentence; empty when valid or unwritten

    [[nodiscard]] bool is_valid() const { return record != nullptr; }

    [[nodiscard]] bool is_unwritten() const {
        return record == nullptr && reject.code == RejectCode::Unwritten;
    }
};

struct InspectedXml {
    XmlRef ref;
    std::string vm_name;
    std::string xml;      // empty when it cannot be read
    std::string problem;  // why not
};

struct InspectedHost {
    HostId host;
    InspectedCopy<SlotRecord> slots[2];
    InspectedCopy<ConfigRecord> configs[2];
    InspectedCopy<Roster> rosters[2];
    InspectedCopy<Orders> orders[2];
    std::vector<InspectedXml> xmls;  // of the newer valid roster, where the heap is this host's
    std::vector<RecorderEntry> recorder;  // valid entries, by sequence
    std::uint64_t recorder_damaged = 0;   // entries neither valid nor unwritten
    // Index (0 or 1) of the copy that counts; -1: none.
    int slot_current = -1;
    int config_current = -1;
    int roster_current = -1;
    int orders_current = -1;

    [[nodiscard]] bool is_unwritten() const;
};

struct InspectOptions {
    std::string path;
    bool with_xml = false;       // also unpack domain XML
    bool skip_unwritten = true;  // leave out hosts that never wrote anything
    HostId only;                 // none: all hosts
    Duration open_timeout = std::chrono::seconds{10};
    // For a datastore whose two superblocks are lost: look as if it had this superblock.
    std::optional<Superblock> assume;
};

struct Inspection {
    std::string path;
    std::uint64_t size_bytes = 0;
    Signature signature;
    InspectedCopy<Superblock> superblocks[2];
    std::optional<Superblock> superblock;  // the one used; none: nothing below could be read
    std::vector<InspectedHost> hosts;
    std::uint64_t damaged_copies = 0;  // rejected and not unwritten, superblocks included
};

// Error only when the target cannot be opened or read at all; damage is part of the result.
[[nodiscard]] Result<Inspection> inspect_datastore(const InspectOptions& options);

}  // namespace holdfast
