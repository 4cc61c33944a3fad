#include "agent/vm/judge.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include <unistd.h>

#include "agent/config.h"
#include "agent/files.h"
#include "agent/text.h"
#include "agent/vm/arrival_mark.h"
#include "agent/vm/domain_xml.h"
#include "agent/vm/protection.h"

namespace holdfast {

int judge_standard_input(const std::string& config_path) {
    constexpr int kProtected = 0;
    constexpr int kNotProtected = 1;
    constexpr int kCannotTell = 2;
    const Result<Config> config = load_config(config_path);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kCannotTell;
    }
    const std::optional<std::string> xml = read_to_end(STDIN_FILENO);
    if (!xml) {
        std::fprintf(stderr, "standard input cannot be read: %s\n", std::strerror(errno));
        return kCannotTell;
    }
    const Result<DomainDescription> domain = parse_domain_xml(*xml);
    if (!domain) {
        std::fprintf(stderr, "%s\n", domain.error().text.c_str());
        return kCannotTell;
    }
    const std::uint32_t arrival = arrival_in(*xml);
    std::printf("%s%s\n",
                uuid_text(domain->vm).c_str(),
                arrival == 0 ? "" : (" " + std::to_string(arrival)).c_str());
    return judge_protection(*domain, config->vm_datastores).protectable ? kProtected
                                                                        : kNotProtected;
}

}  // namespace holdfast
