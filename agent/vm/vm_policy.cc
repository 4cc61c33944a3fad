#include "agent/vm/vm_policy.h"

#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <pugixml.hpp>
#include <utility>

#include "agent/text.h"
#include "engine/base/name_hash.h"

namespace holdfast {
namespace {

constexpr Duration kAfterDelayMax = std::chrono::hours{1};

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The namespace that `prefix` stands for at `node`: the nearest declaration outwards.
std::string_view namespace_of(pugi::xml_node node, const std::string& prefix) {
    const std::string declaration = prefix.empty() ? "xmlns" : "xmlns:" + prefix;
    for (; node; node = node.parent()) {
        const pugi::xml_attribute attribute = node.attribute(declaration.c_str());
        if (attribute) return attribute.value();
    }
    return {};
}

bool is_policy(const pugi::xml_node& node) {
    const std::string_view name = node.name();
    const std::size_t colon = name.find(':');
    const std::string prefix(colon == std::string_view::npos ? std::string_view{}
                                                             : name.substr(0, colon));
    const std::string_view local = colon == std::string_view::npos ? name : name.substr(colon + 1);
    return local == "policy" && namespace_of(node, prefix) == kPolicyNamespace;
}

constexpr std::pair<std::string_view, Priority> kPriorities[] = {
    {"disabled", Priority::Disabled},
    {"lowest", Priority::Lowest},
    {"low", Priority::Low},
    {"medium", Priority::Medium},
    {"high", Priority::High},
    {"highest", Priority::Highest},
};

constexpr std::pair<std::string_view, IsolationResponse> kResponses[] = {
    {"leave", IsolationResponse::Leave},
    {"shutdown", IsolationResponse::Shutdown},
    {"poweroff", IsolationResponse::PowerOff},
};

// Reads one policy element; what is wrong with it goes into policy.problems.
class PolicyReader {
  public:
    PolicyReader(VmPolicy& policy, std::string_view vm_name) : policy_(policy), name_(vm_name) {}

    void read(const pugi::xml_node& node) {
        for (const pugi::xml_attribute& attribute : node.attributes()) {
            const std::string_view key = attribute.name();
            if (!key.starts_with("xmlns")) take(key, trimmed(attribute.value()));
        }
        if (node.first_child()) {
            policy_.problems.emplace_back(
                "its policy has elements inside: only attributes are read");
        }
    }

  private:
    void take(std::string_view key, std::string_view value) {
        VmRelations& relations = policy_.relations;
        if (key == "priority") {
            choose(key, value, kPriorities, policy_.priority);
        } else if (key == "isolation") {
            choose(key, value, kResponses, policy_.isolation);
        } else if (key == "apart") {
            relations.apart = group(key, value);
        } else if (key == "together") {
            relations.together = group(key, value);
        } else if (key == "after") {
            take_after(value);
        } else if (key == "after-delay") {
            take_delay(value);
        } else {
            complain(key, value, "is not known; the policy's words are in docs/CONFIGURATION.md");
        }
    }

    void complain(std::string_view key, std::string_view value, std::string_view what) {
        policy_.problems.push_back(
            fmt::format("policy {}=\"{}\" {}", printable(key), printable(value), what));
    }

    template <typename Choice, std::size_t N>
    void choose(std::string_view key,
                std::string_view value,
                const std::pair<std::string_view, Choice> (&names)[N],
                Choice& target) {
        std::string known;
        for (const auto& [name, choice] : names) {
            if (name == value) {
                target = choice;
                return;
            }
            known += (known.empty() ? "" : ", ") + std::string(name);
        }
        complain(key, value, "is none of " + known + "; it counts as not said");
    }

    std::uint32_t group(std::string_view key, std::string_view value) {
        if (!value.empty()) return name_hash(value);
        complain(key, value, "names no group; it counts as not said");
        return 0;
    }

    void take_after(std::string_view list) {
        std::size_t count = 0;
        const std::string_view whole = list;
        while (!list.empty()) {
            const std::size_t comma = list.find(',');
            const std::string_view one = trimmed(list.substr(0, comma));
            list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
            if (one.empty()) continue;
            if (one == name_ || one == std::string(name_) + ":agent") {
                complain("after", whole, "names the VM itself, which it cannot wait for");
            } else if (count == kAfterMax) {
                complain(
                    "after",
                    whole,
                    fmt::format("names more than {} VMs; the rest is not waited for", kAfterMax));
                return;
            } else {
                take_one_after(count++, one);
            }
        }
    }

    // "db", or "db:agent": once its guest agent is up.
    void take_one_after(std::size_t index, std::string_view one) {
        constexpr std::string_view kAgent = ":agent";
        VmRelations& relations = policy_.relations;
        if (one.ends_with(kAgent)) {
            one.remove_suffix(kAgent.size());
            relations.after_agent = static_cast<std::uint8_t>(relations.after_agent | 1U << index);
        }
        relations.after[index] = name_hash(one);
    }

    void take_delay(std::string_view value) {
        const std::optional<Duration> delay = parse_duration(value);
        if (!delay || *delay > kAfterDelayMax) {
            complain("after-delay",
                     value,
                     "is no duration up to 1h, such as 10s; it counts as not said");
            return;
        }
        policy_.relations.after_delay_seconds =
            static_cast<std::uint16_t>(std::chrono::ceil<std::chrono::seconds>(*delay).count());
    }

    VmPolicy& policy_;
    std::string_view name_;
};

}  // namespace

VmPolicy parse_policy(const pugi::xml_node& domain, std::string_view name) {
    VmPolicy policy;
    policy.relations.name = name_hash(name);
    bool seen = false;
    for (const pugi::xml_node& node : domain.child("metadata").children()) {
        if (!is_policy(node)) continue;
        if (std::exchange(seen, true)) {
            policy.problems.emplace_back("it has more than one policy: only the first is read");
            break;
        }
        PolicyReader(policy, name).read(node);
    }
    return policy;
}

}  // namespace holdfast
