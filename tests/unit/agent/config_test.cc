// docs/CONFIGURATION.md is a contract: its example is parsed as it stands, and each kind of mistake has its message.
#include "agent/config.h"

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::chrono::seconds;

const char* const kMinimal = R"([cluster]
uuid = "6f1d2c3b-0000-4000-8000-000000000001"
[host]
id = 1
[timing]
profile = "standard"
[[member]]
id = 1
name = "h1"
addresses = ["10.0.0.1"]
[[datastore]]
name = "hb1"
path = "/hb/1"
)";

std::string documented_example() {
    std::ifstream stream(std::string(HF_SOURCE_DIR) + "/docs/CONFIGURATION.md");
    std::string text;
    bool inside = false;
    for (std::string line; std::getline(stream, line);) {
        if (line == "```toml") {
            inside = true;
        } else if (line == "```") {
            inside = false;
        } else if (inside) {
            text += line + "\n";
        }
    }
    return text;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t position = text.find(from);
    EXPECT_NE(position, std::string::npos) << from;
    return text.replace(position, from.size(), to);
}

std::string errors_of(const std::string& content) {
    const Result<Config> config = parse_config(content, "t.toml");
    return config ? "" : config.error().text;
}

}  // namespace

TEST(Config, DocumentedExampleIsAccepted) {
    // The document abbreviates the uuid; everything else is taken word for word.
    const std::string text =
        replaced(documented_example(), "6f1d…", "6f1d2c3b-0000-4000-8000-000000000001");
    const Result<Config> config = parse_config(text, "example.toml");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_EQ(config->cluster_name, "prod-a");
    EXPECT_EQ(config->key_file, "/etc/holdfast/cluster.key");
    EXPECT_EQ(config->self, HostId{1});
    EXPECT_EQ(config->memory_reserve_mib, 1024U);
    EXPECT_EQ(config->timing, kTimingStandard);
    ASSERT_EQ(config->members.size(), 1U);
    EXPECT_EQ(config->members[0].addresses.size(), 2U);
    ASSERT_EQ(config->datastores.size(), 1U);
    EXPECT_EQ(config->datastores[0].path, "/hb/1/heartbeat");
    ASSERT_EQ(config->vm_datastores.size(), 1U);
    EXPECT_EQ(config->vm_datastores[0].name, "vms");
    EXPECT_EQ(config->port, 7420);
    EXPECT_TRUE(config->isolation_addresses.empty());
    EXPECT_EQ(config->watchdog_device, "/dev/watchdog");
    EXPECT_FALSE(config->accept_weak_watchdog);
    EXPECT_EQ(config->io_backend, "auto");
    EXPECT_TRUE(config->shared_filesystem_check);
    EXPECT_EQ(config->libvirt_uri, "qemu:///system");
    EXPECT_EQ(config->log_file, "/var/log/holdfast/holdfast.log");
    EXPECT_EQ(config->log_level, TraceLevel::Info);
    EXPECT_EQ(config->run_dir, "/run/holdfast");
    EXPECT_EQ(config->state_dir, "/var/lib/holdfast");
}

TEST(Config, DefaultsAreTheDocumentedOnes) {
    const Result<Config> minimal = parse_config(kMinimal, "t.toml");
    ASSERT_TRUE(minimal) << minimal.error().text;
    EXPECT_EQ(minimal->cluster_name, "holdfast");
    EXPECT_EQ(minimal->memory_reserve_mib, 1024U);
    EXPECT_EQ(minimal->port, 7420);
    EXPECT_EQ(minimal->log_level, TraceLevel::Info);
    EXPECT_EQ(minimal->voters_count, 1);
}

TEST(Config, UnsafeTimingNamesSafeValues) {
    const std::string text = replaced(kMinimal,
                                      "profile = \"standard\"\n",
                                      "profile = \"patient\"\nlease = \"20s\"\ndead = \"25s\"\n");
    EXPECT_EQ(errors_of(text),
              "t.toml:7: lease = 20 s is unsafe with watchdog = 10 s and dead = 25 s: dead must be "
              "at least 43.9 s. Raise dead. [HF-1004]");
    const std::string longer =
        replaced(kMinimal, "profile = \"standard\"\n", "profile = \"standard\"\nlease = \"6s\"\n");
    EXPECT_EQ(errors_of(longer),
              "t.toml:7: lease = 6 s is unsafe with watchdog = 3 s and dead = 12 s: dead must be "
              "at least 13.8 s. Raise dead, or lower lease to 4.2 s. [HF-1004]");
}

// Why: a message that names a value which is then refused is worse than none.
TEST(Config, NamedSafeValuesAreAccepted) {
    const auto with = [](const std::string& overrides) {
        return errors_of(
            replaced(kMinimal, "profile = \"standard\"\n", "profile = \"standard\"\n" + overrides));
    };
    EXPECT_EQ(with("lease = \"6s\"\ndead = \"13.8s\"\n"), "");
    EXPECT_EQ(with("lease = \"4.2s\"\n"), "");
    EXPECT_NE(with("lease = \"4.3s\"\n"), "");
    EXPECT_NE(with("lease = \"6s\"\ndead = \"13.7s\"\n"), "");
}

TEST(Config, AllFindingsComeAtOnceInTheOrderOfTheLines) {
    const std::string text = R"([cluster]
uuid = "nonsense"
nmae = "x"
[host]
id = 2000
[timing]
profile = "hasty"
lease = 4
[[member]]
id = 1
name = "h1"
addresses = ["h1.example.org"]
[[member]]
id = 1
name = "h1"
addresses = ["10.0.0.1"]
[surprise]
)";
    EXPECT_EQ(
        errors_of(text),
        "t.toml: there is no [[datastore]]: give 1, 3 or 5 heartbeat datastores. [HF-1007]\n"
        "t.toml:2: uuid = \"nonsense\" in [cluster] is not a uuid of 32 hex digits other than "
        "zero. [HF-1003]\n"
        "t.toml:3: unknown key \"nmae\" in [cluster]; it knows uuid, name and key_file. "
        "[HF-1002]\n"
        "t.toml:5: id = 2000 in [host] is not between 1 and 1024. [HF-1003]\n"
        "t.toml:7: profile = \"hasty\" in [timing] is not fast, standard or patient. [HF-1003]\n"
        "t.toml:8: lease in [timing] must be a string, not 4. [HF-1003]\n"
        "t.toml:9: member 1 (h1) has 0 addresses: give one per link, 1 to 4. [HF-1009]\n"
        "t.toml:12: \"h1.example.org\" in addresses of [[member]] is not a literal IPv4 or "
        "IPv6 address. Nothing is resolved through DNS. [HF-1009]\n"
        "t.toml:13: host id 1 is used twice. Ids are given out once and never reused. "
        "[HF-1005]\n"
        "t.toml:13: member name \"h1\" is used twice. [HF-1005]\n"
        "t.toml:13: member 1 (h1) has 1 addresses but member 1 (h1) has 0: every member has "
        "one address on every link, in the same order. [HF-1009]\n"
        "t.toml:17: unknown key \"surprise\"; see docs/CONFIGURATION.md. [HF-1002]");
}

TEST(Config, SyntaxErrorsNameTheLine) {
    const std::string error = errors_of("[cluster]\nuuid = \n");
    EXPECT_TRUE(error.starts_with("t.toml:2: ")) << error;
    EXPECT_TRUE(error.ends_with("[HF-1001]")) << error;
}

TEST(Config, SelfMustBeAMember) {
    EXPECT_EQ(errors_of(replaced(kMinimal, "[host]\nid = 1", "[host]\nid = 7")),
              "t.toml:4: host id 7 is not in the member list. Add a [[member]] with this id, or "
              "correct the id. [HF-1006]");
}

TEST(Config, DuplicateAddressesAndPathsAreRefused) {
    const std::string text = std::string(kMinimal) +
                             "[[member]]\nid = 2\nname = \"h2\"\naddresses = [\"10.0.0.1\"]\n"
                             "[[datastore]]\nname = \"hb2\"\npath = \"/hb/1\"\n";
    EXPECT_EQ(errors_of(text),
              "t.toml:14: address 10.0.0.1 of member 2 (h2) is already an address of member 1 "
              "(h1). [HF-1005]\n"
              "t.toml:18: datastore path /hb/1 is used twice. One medium can only count once. "
              "[HF-1005]");
}

TEST(Config, EvenNumberOfDatastoresLeavesTheLastAsSpare) {
    std::string text = kMinimal;
    constexpr int kVoters[] = {1, 1, 3, 3, 5, 5};
    for (int count = 1; count <= 6; ++count) {
        const Result<Config> config = parse_config(text, "t.toml");
        ASSERT_TRUE(config) << config.error().text;
        EXPECT_EQ(config->voters_count, kVoters[count - 1]);
        const std::string next = std::to_string(count + 1);
        text += "[[datastore]]\nname = \"hb" + next + "\"\npath = \"/hb/" + next + "\"\n";
    }
    EXPECT_NE(errors_of(text).find("7 heartbeat datastores are too many"), std::string::npos);
}

TEST(Config, RiskIsAcceptedOnlyInItsOwnWords) {
    const std::string head = std::string(kMinimal) + "[watchdog]\ndevice = \"none\"\n";
    EXPECT_NE(errors_of(head + "accept_without_hardware = \"yes\"\n"), "");
    const Result<Config> config = parse_config(
        head + "accept_without_hardware = \"I accept that a hung host may run its VMs twice\"\n",
        "t");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_TRUE(config->accept_weak_watchdog);
}

TEST(Config, MissingFileSaysWhatToDo) {
    const Result<Config> config = load_config("/nonexistent/holdfast.toml");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().text,
              "/nonexistent/holdfast.toml: cannot be read: No such file or directory. `holdfast "
              "init` writes one to start from. [HF-1001]");
}

}  // namespace holdfast
