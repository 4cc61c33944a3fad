#include "agent/vm/protection.h"

#include <filesystem>
#include <fmt/format.h>
#include <optional>

#include "agent/text.h"

namespace holdfast {
namespace {

std::string normal(std::string_view path) {
    std::string text = std::filesystem::path(path).lexically_normal().string();
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    return text;
}

std::optional<std::size_t> datastore_of(const std::string& path,
                                        const std::vector<PathConfig>& vm_datastores) {
    for (std::size_t i = 0; i < vm_datastores.size(); ++i) {
        if (lies_on(path, vm_datastores[i].path)) return i;
    }
    return std::nullopt;
}

}  // namespace

bool lies_on(std::string_view path, std::string_view root) {
    const std::string inner = normal(path);
    const std::string outer = normal(root);
    if (!inner.starts_with(outer)) return false;
    return inner.size() == outer.size() || outer == "/" || inner[outer.size()] == '/' ||
           outer.starts_with("/dev/");
}

Protection judge_protection(const DomainDescription& domain,
                            const std::vector<PathConfig>& vm_datastores) {
    Protection protection;
    for (const DomainNeed& need : domain.needs) {
        if (need.path.empty()) {
            protection.reason = fmt::format("{} is not known to be on other hosts", need.what);
            return protection;
        }
        const std::optional<std::size_t> datastore = datastore_of(need.path, vm_datastores);
        if (!datastore) {
            protection.reason = fmt::format("{} {} is local to this host (in no [[vm_datastore]])",
                                            need.what,
                                            printable(need.path));
            return protection;
        }
        protection.datastores |= std::uint32_t{1} << *datastore;
    }
    if (domain.policy.priority == Priority::Disabled) {
        protection.reason = "its policy says disabled";
        return protection;
    }
    protection.protectable = true;
    return protection;
}

}  // namespace holdfast
