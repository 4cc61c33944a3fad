// Twin: a second engine beside an agent's, which takes no short way at quiet beats; it is told the same and must do the same.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/machine/engine.h"

namespace holdfast::sim {

class Twin {
  public:
    // The same configuration as the agent's, but for EngineConfig::quiet_beats.
    Twin(const EngineConfig& config, Instant started_at);

    // Takes in what `engine` has just taken in.  What the two did differently, if anything.
    [[nodiscard]] std::optional<std::string> follow(const Event& event,
                                                    const Actions& actions,
                                                    const Engine& engine);

  private:
    Engine engine_;
    std::unique_ptr<Actions> actions_;
};

}  // namespace holdfast::sim
