// PrintedLog: the story of a run as lines of text.
#pragma once

#include <cstdio>
#include <string>

#include "tests/sim/world/log.h"

namespace holdfast::sim {

// "    12.345678 h2    text"; what the world does has "world" or the host's name in capitals.
[[nodiscard]] std::string world_line(WorldTime at, HostId host, const std::string& text);
[[nodiscard]] std::string engine_line(WorldTime at, HostId host, const Trace& trace);

class PrintedLog : public Log {
  public:
    PrintedLog(std::FILE* file, WorldTime from) : file_(file), from_(from) {}

    void world(WorldTime at, HostId host, const std::string& text) override {
        if (at >= from_) std::fprintf(file_, "%s\n", world_line(at, host, text).c_str());
    }

    void engine(WorldTime at, HostId host, const Trace& trace) override {
        if (at >= from_) std::fprintf(file_, "%s\n", engine_line(at, host, trace).c_str());
    }

  private:
    std::FILE* file_;
    WorldTime from_;
};

}  // namespace holdfast::sim
