// Codecs: sends every slot, roster, orders and beat of a run through the shipped formats and back.
//
// What an engine wrote must come out of the bytes as it went in; a difference is a broken contract between engine and
// formats.  Costs about a fifth of the speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/machine/beat.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/orders.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"
#include "storage/config_format.h"

namespace holdfast::sim {

class Codecs {
  public:
    Codecs();

    // Each replaces its argument by what a reader would decode.  What is wrong, if something is.
    [[nodiscard]] std::optional<std::string> carry(SlotRecord& slot);
    [[nodiscard]] std::optional<std::string> carry(const Roster& roster);
    [[nodiscard]] std::optional<std::string> carry(const Orders& orders);
    [[nodiscard]] std::optional<std::string> carry(const ConfigCopy& config);
    [[nodiscard]] std::optional<std::string> carry(Beat& beat);

  private:
    Uuid cluster_;
    std::vector<std::byte> block_;
    Roster roster_;
    Orders orders_;
    std::unique_ptr<ConfigRecord> record_;  // too large for a stack
    std::unique_ptr<ConfigRecord> directory_;
    ConfigCopy config_;
};

}  // namespace holdfast::sim
