// `holdfast-vm --judge CONFIG`: for the qemu hook, which holds a domain's XML and needs to know whether it is protected.
//
// Talks to nobody: neither to libvirt, which waits for the hook, nor to the agent, which may be away.
#pragma once

#include <string>

namespace holdfast {

// Reads XML from standard input and prints the domain's UUID, and behind it the number of its arrival if a live migration brings
// it (arrival_mark.h).  Returns 0: protected, 1: not protected, 2: cannot tell.
[[nodiscard]] int judge_standard_input(const std::string& config_path);

}  // namespace holdfast
