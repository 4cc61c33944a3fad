#include "storage/reject.h"

#include <cinttypes>
#include <cstdio>

namespace holdfast {

const char* to_string(RejectCode code) {
    switch (code) {
        case RejectCode::Unwritten: return "unwritten";
        case RejectCode::Truncated: return "truncated";
        case RejectCode::BadMagic: return "bad_magic";
        case RejectCode::NewerVersion: return "newer_version";
        case RejectCode::OlderVersion: return "older_version";
        case RejectCode::BadChecksum: return "bad_checksum";
        case RejectCode::BadBodyChecksum: return "bad_body_checksum";
        case RejectCode::ForeignCluster: return "foreign_cluster";
        case RejectCode::WrongPosition: return "wrong_position";
        case RejectCode::OutOfRange: return "out_of_range";
        case RejectCode::ReadFailed: return "read_failed";
    }
    return "unknown";
}

namespace {

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string hex(std::uint64_t value, int digits) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%0*" PRIx64, digits, value);
    return text;
}

// Bytes 0..7 of a uuid, as people see them.
std::string uuid_head(std::uint64_t little_endian) {
    std::string text;
    for (unsigned i = 0; i < 8; ++i) {
        char pair[4];
        std::snprintf(
            pair, sizeof pair, "%02x", static_cast<unsigned>(little_endian >> 8U * i & 0xffU));
        text += pair;
        if (i == 3 || i == 5) text += '-';
    }
    return text + "-…";
}

std::string where(const RejectPlace& place) {
    std::string text =
        "datastore " + std::string(place.datastore) + ": " + std::string(place.region);
    if (!place.host.is_none()) text += " of host " + number(place.host.value());
    if (!place.copy.empty()) text += ", copy " + std::string(place.copy);
    return text + ": ";
}

std::string what(const Reject& reject) {
    const std::string found = number(reject.found);
    const std::string expected = number(reject.expected);
    switch (reject.code) {
        case RejectCode::Unwritten: return "nothing was ever written here";
        case RejectCode::Truncated:
            return "only " + found + " of " + expected +
                   " bytes are there; the file or device was shortened. Restore its size, or "
                   "format a new datastore";
        case RejectCode::BadMagic:
            return "begins with " + hex(reject.found, 8) + " instead of " +
                   hex(reject.expected, 8) +
                   ": something else was written over it. Find out what else uses this storage";
        case RejectCode::NewerVersion:
            return "has format version " + found + ", this Holdfast reads " + expected +
                   ". Upgrade Holdfast on this host";
        case RejectCode::OlderVersion:
            return "has format version " + found + ", this Holdfast reads " + expected +
                   ". Upgrade Holdfast on the host that writes it";
        case RejectCode::BadChecksum:
        case RejectCode::BadBodyChecksum:
            return std::string("checksum of ") +
                   (reject.code == RejectCode::BadChecksum ? "its first sector" : "its entries") +
                   " is " + hex(reject.found, 8) + ", should be " + hex(reject.expected, 8) +
                   ": torn by an interrupted write, or damaged. The next write repairs it; if it "
                   "stays, check the storage";
        case RejectCode::ForeignCluster:
            return "belongs to cluster " + uuid_head(reject.found) + ", ours is " +
                   uuid_head(reject.expected) +
                   ". Two clusters must not share a datastore: give one of them another";
        case RejectCode::WrongPosition:
            return "holds the record of host " + found + ", expected host " + expected +
                   ": two hosts with one id, or a write that went astray. Check [host] id on both "
                   "hosts";
        case RejectCode::OutOfRange:
            return "value " + found + " at byte " + number(reject.offset_bytes) +
                   " is beyond its limit " + expected +
                   " although the checksum is right: a fault in the Holdfast that wrote it. Please "
                   "report it";
        case RejectCode::ReadFailed:
            return "could not be read (errno " + found + "). Check the storage and its paths";
    }
    return "rejected for an unknown reason";
}

}  // namespace

std::string explain(const Reject& reject, const RejectPlace& place) {
    return where(place) + what(reject) + ".";
}

}  // namespace holdfast
