// Log: where a run's story goes; nothing is formatted unless somebody listens.
#pragma once

#include <string>

#include "engine/machine/trace.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

class Log {
  public:
    virtual ~Log() = default;
    // Something that happened to the world, host none: to all of it.
    virtual void world(WorldTime at, HostId host, const std::string& text) = 0;
    // What an engine said.
    virtual void engine(WorldTime at, HostId host, const Trace& trace) = 0;
};

}  // namespace holdfast::sim
