#include "storage/config_convert.h"

namespace holdfast {

namespace {

const ConfigMember* find_member(const ConfigRecord& directory, HostId host) {
    for (const ConfigMember& member : directory.members) {
        if (member.host == host) return &member;
    }
    return nullptr;
}

}  // namespace

void to_record(const ConfigCopy& copy, const ConfigRecord& directory, ConfigRecord& record) {
    record.writer = copy.writer;
    record.incarnation = copy.incarnation;
    record.version = copy.version;
    record.number = copy.config.number;
    record.timing = copy.config.timing;
    record.timing_next = copy.config.timing_next;
    record.blackout_limit = copy.config.blackout_limit;
    record.accepts_without_hardware = copy.config.accept_weak_watchdog;
    record.list_lost = copy.config.list_lost;
    record.datastores.clear();
    for (const DatastoreName& name : copy.config.voters) {
        ConfigDatastore datastore;
        datastore.name = name;
        record.datastores.push(datastore);
    }
    record.members.clear();
    for (const ClusterMember& member : copy.config.members) {
        ConfigMember entry;
        entry.name = member.place.name;
        entry.addresses = member.place.addresses;
        // What this host's own file says of it goes before what was carried along.
        if (const ConfigMember* known = find_member(directory, member.host)) entry = *known;
        entry.host = member.host;
        entry.out = member.out;
        entry.certified_dead = member.certified_dead;
        entry.maintenance = member.maintenance;
        entry.joining = member.joining;
        entry.removed = member.removed;
        entry.counted = member.counted;
        record.members.push(entry);
    }
}

void from_record(const ConfigRecord& record, ConfigCopy& copy) {
    copy.writer = record.writer;
    copy.incarnation = record.incarnation;
    copy.version = record.version;
    copy.config.number = record.number;
    copy.config.timing = record.timing;
    copy.config.timing_next = record.timing_next;
    copy.config.blackout_limit = record.blackout_limit;
    copy.config.accept_weak_watchdog = record.accepts_without_hardware;
    copy.config.list_lost = record.list_lost;
    copy.config.voters.clear();
    for (const ConfigDatastore& datastore : record.datastores) {
        if (datastore.votes) copy.config.voters.push(datastore.name);
    }
    copy.config.members.clear();
    for (const ConfigMember& member : record.members) {
        ClusterMember entry;
        entry.host = member.host;
        entry.out = member.out;
        entry.certified_dead = member.certified_dead;
        entry.maintenance = member.maintenance;
        entry.joining = member.joining;
        entry.removed = member.removed;
        entry.counted = member.counted;
        entry.place = {member.name, member.addresses};
        copy.config.members.push(entry);
    }
}

}  // namespace holdfast
