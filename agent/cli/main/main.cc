// holdfast: the command.  agent/cli/<command>.cc holds one command each.
#include <csignal>
#include <cstdio>
#include <exception>

#include "agent/cli/options.h"

int main(int count, char** values) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return holdfast::cli::run_command_line(count, values);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "holdfast: %s\n", error.what());
        return holdfast::cli::kNo;
    }
}
