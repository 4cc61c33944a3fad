#include <cstdio>
#include <string>

#include <sodium.h>
#include <unistd.h>

#include "agent/cli/options.h"
#include "agent/json_writer.h"
#include "agent/text.h"
#include "storage/format_datastore.h"

namespace holdfast::cli {

namespace {

Uuid random_uuid() {
    Uuid uuid;
    randombytes_buf(uuid.bytes.data(), uuid.bytes.size());
    uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0fU) | 0x40U);
    uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3fU) | 0x80U);
    return uuid;
}

void show_progress(std::uint64_t done_bytes, std::uint64_t total_bytes) {
    const auto percent = total_bytes == 0 ? 100 : done_bytes * 100 / total_bytes;
    std::fprintf(stderr,
                 "\r  %3llu %% of %llu MiB",
                 static_cast<unsigned long long>(percent),
                 static_cast<unsigned long long>(total_bytes >> 20U));
    if (done_bytes >= total_bytes) std::fputs("\n", stderr);
}

void write_report(JsonWriter& json, const std::string& path, const Result<FormatReport>& report) {
    json.begin_object().key("path").text(path).key("ok").flag(report.has_value());
    if (report) {
        const Superblock& superblock = report->superblock;
        json.key("datastore_uuid").text(uuid_text(superblock.datastore));
        json.key("bytes").number(report->bytes_written);
        json.key("hosts_max").number(std::uint64_t{superblock.geometry.hosts_max()});
        json.key("heap_bytes").number(superblock.geometry.heap_bytes());
        json.key("created").flag(report->created);
        json.key("replaced").text(report->replaced);
    } else {
        json.key("error").text(report.error().text);
    }
    json.end_object();
}

void print_report(const std::string& path, const Result<FormatReport>& report) {
    if (!report) {
        std::fprintf(stderr, "holdfast: %s\n", report.error().text.c_str());
        return;
    }
    std::printf("%s: heartbeat datastore %s for %u hosts, %llu MiB written%s%s.\n",
                path.c_str(),
                uuid_text(report->superblock.datastore).c_str(),
                report->superblock.geometry.hosts_max(),
                static_cast<unsigned long long>(report->bytes_written >> 20U),
                report->replaced.empty() ? "" : ", in the place of ",
                report->replaced.c_str());
}

}  // namespace

int run_format(const FormatOptions& options) {
    const auto cluster = parse_uuid(options.cluster_uuid);
    const auto heap = parse_bytes(options.heap);
    if (!cluster || cluster->is_none()) {
        std::fprintf(stderr,
                     "holdfast: --cluster-uuid is not a uuid of 32 hex digits. [HF-5031]\n");
        return kUsage;
    }
    if (!heap || !Geometry::is_valid(options.hosts_max, *heap)) {
        std::fprintf(stderr,
                     "holdfast: --hosts-max must be 1 to %zu, --heap-bytes 64KiB to 64MiB in steps "
                     "of 4KiB. [HF-5031]\n",
                     kHostsMax);
        return kUsage;
    }
    if (sodium_init() < 0) return kNo;
    const bool terminal = isatty(STDERR_FILENO) != 0 && !options.json;
    JsonWriter json;
    json.begin_array();
    bool all_well = true;
    for (const std::string& path : options.paths) {
        holdfast::FormatOptions format;
        format.path = path;
        format.cluster = *cluster;
        format.datastore = random_uuid();
        format.name = path.substr(path.rfind('/') + 1);
        format.geometry = Geometry(options.hosts_max, *heap);
        format.force = options.force;
        format.allow_local_filesystem = options.local_filesystem;
        if (terminal) format.progress = show_progress;
        const Result<FormatReport> report = format_datastore(format);
        all_well = all_well && report.has_value();
        write_report(json, path, report);
        if (!options.json) print_report(path, report);
    }
    json.end_array();
    if (options.json) std::printf("%s\n", json.str().c_str());
    return all_well ? kYes : kNo;
}

}  // namespace holdfast::cli
