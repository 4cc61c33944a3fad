#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/options.h"
#include "agent/json_writer.h"
#include "agent/text.h"
#include "engine/base/result.h"

namespace holdfast::cli {

namespace {

Unexpected<Error> wrong(const std::string& text) {
    return Unexpected{Error{0, text + " [HF-5031]"}};
}

// A TOML basic string.
std::string toml_string(std::string_view text) {
    std::string result = "\"";
    for (const char c : printable(text)) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}

std::string random_hex(std::size_t bytes_count) {
    std::array<unsigned char, 64> bytes{};
    std::array<char, 129> text{};
    randombytes_buf(bytes.data(), bytes_count);
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes_count);
    sodium_memzero(bytes.data(), bytes.size());
    return text.data();
}

// "1=h1=10.0.0.1,10.0.1.1" as a [[member]].
Result<std::string> member_toml(const std::string& text) {
    const std::size_t first = text.find('=');
    const std::size_t second = first == std::string::npos ? first : text.find('=', first + 1);
    if (second == std::string::npos)
        return wrong("--member " + text + " is not ID=NAME=ADDRESS[,ADDRESS...].");
    const std::string id = text.substr(0, first);
    if (id.empty() || id.size() > 4 || id.find_first_not_of("0123456789") != std::string::npos) {
        return wrong("--member " + text + ": " + id + " is not a host id.");
    }
    std::string addresses;
    std::string_view rest = std::string_view(text).substr(second + 1);
    while (true) {
        const std::size_t comma = rest.find(',');
        addresses += (addresses.empty() ? "" : ", ") + toml_string(rest.substr(0, comma));
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    return "\n[[member]]\nid = " + id +
           "\nname = " + toml_string(text.substr(first + 1, second - first - 1)) +
           "\naddresses = [" + addresses + "]\n";
}

Result<std::string> path_toml(const std::string& table, const std::string& text) {
    const std::size_t equal = text.find('=');
    if (equal == std::string::npos) return wrong("--" + table + " " + text + " is not NAME=PATH.");
    return "\n[[" + table + "]]\nname = " + toml_string(text.substr(0, equal)) +
           "\npath = " + toml_string(text.substr(equal + 1)) + "\n";
}

Result<std::string> config_toml(const InitOptions& options, const std::string& cluster_uuid) {
    std::string text =
        "# Holdfast, host " + std::to_string(options.host_id) +
        ".  docs/CONFIGURATION.md explains every key; `holdfast check` checks this file.\n";
    text += "[cluster]\nuuid = " + toml_string(cluster_uuid) +
            "\nname = " + toml_string(options.cluster_name) +
            "\nkey_file = " + toml_string(options.key_file) + "\n";
    text += "\n[host]\nid = " + std::to_string(options.host_id) + "\n";
    text += "\n[timing]\nprofile = " + toml_string(options.profile) + "\n";
    const auto append = [&text](const Result<std::string>& part) {
        if (part) text += *part;
        return part.has_value();
    };
    for (const std::string& member : options.members) {
        const Result<std::string> part = member_toml(member);
        if (!append(part)) return part;
    }
    for (const std::string& datastore : options.datastores) {
        const Result<std::string> part = path_toml("datastore", datastore);
        if (!append(part)) return part;
    }
    for (const std::string& datastore : options.vm_datastores) {
        const Result<std::string> part = path_toml("vm_datastore", datastore);
        if (!append(part)) return part;
    }
    return text;
}

// Makes a file that must not be there yet.
Result<Nothing> write_new(const std::string& path, const std::string& content, mode_t mode) {
    const std::size_t slash = path.rfind('/');
    if (slash != std::string::npos && slash > 0) mkdir(path.substr(0, slash).c_str(), 0755);
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        const int number = errno;
        const std::string why = number == EEXIST
                                    ? "is there already and is not overwritten. Move it away first."
                                    : std::string("cannot be made: ") + std::strerror(number) + ".";
        return Unexpected{Error{number, path + " " + why + " [HF-5032]"}};
    }
    const bool written =
        write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
    const bool synced = fsync(fd) == 0;
    close(fd);
    if (written && synced) return Nothing{};
    unlink(path.c_str());
    return Unexpected{Error{ENOSPC, path + " cannot be written. [HF-5032]"}};
}

void print_result(const InitOptions& options, const std::string& cluster_uuid, bool key_made) {
    if (options.json) {
        JsonWriter json;
        json.begin_object().key("ok").flag(true).key("config").text(options.config);
        json.key("key_file").text(options.key_file).key("key_made").flag(key_made);
        json.key("cluster_uuid").text(cluster_uuid).end_object();
        std::printf("%s\n", json.str().c_str());
        return;
    }
    std::printf("%s written; cluster %s.\n", options.config.c_str(), cluster_uuid.c_str());
    std::printf(key_made ? "%s made.\n" : "%s kept.\n", options.key_file.c_str());
    std::puts("\nNext:");
    std::printf(
        "  1. Once for the cluster, for each heartbeat datastore: holdfast format --cluster-uuid "
        "%s PATH\n",
        cluster_uuid.c_str());
    std::printf(
        "  2. On every other host: copy %s there (mode 0600), then holdfast init --cluster-uuid %s "
        "with its own --host-id.\n",
        options.key_file.c_str(),
        cluster_uuid.c_str());
    std::puts(
        "  3. On every host: holdfast check, then systemctl enable --now holdfast-keeper holdfastd "
        "holdfast-vm, then holdfast status.");
}

}  // namespace

int run_init(const InitOptions& options) {
    const auto fail = [](const Error& error, Exit code) {
        std::fprintf(stderr, "holdfast: %s\n", error.text.c_str());
        return code;
    };
    if (sodium_init() < 0) return kNo;
    std::string cluster_uuid = options.cluster_uuid;
    if (cluster_uuid.empty()) {
        std::string hex = random_hex(16);
        hex[12] = '4';
        hex[16] = "89ab"[static_cast<unsigned char>(hex[16]) % 4];
        cluster_uuid = uuid_text(*parse_uuid(hex));
    }
    const Result<std::string> text = config_toml(options, cluster_uuid);
    if (!text) return fail(text.error(), kUsage);
    const Result<Config> parsed = parse_config(*text, options.config);
    if (!parsed) return fail(parsed.error(), kUsage);

    struct stat facts {};

    const bool key_there = stat(options.key_file.c_str(), &facts) == 0;
    const Result<Nothing> config = write_new(options.config, *text, 0644);
    if (!config) return fail(config.error(), kNo);
    if (!key_there) {
        const Result<Nothing> key = write_new(options.key_file, random_hex(32) + "\n", 0600);
        if (!key) return fail(key.error(), kNo);
    }
    print_result(options, cluster_uuid, !key_there);
    return kYes;
}

}  // namespace holdfast::cli
