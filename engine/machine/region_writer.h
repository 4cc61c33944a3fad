// RegionWriter: keeps this host's roster or orders on the datastores up to date.
//
// The content has one version; a datastore that holds an older one is written as soon as its last write has been answered.
// A failed write is repeated with the next beat, never at once.
#pragma once

#include <array>

#include "engine/machine/core.h"

namespace holdfast {

class RegionWriter {
  public:
    // The newest version ever used; none: there is none yet.
    [[nodiscard]] Version version() const { return version_; }

    // The content changed: the next version is `next_version()`.
    void touch() { dirty_ = true; }

    [[nodiscard]] bool dirty() const { return dirty_; }

    // The version that a change made now will get.
    [[nodiscard]] Version next_version() const { return version_.next(); }

    // Versions of the past are never used again; what was composed as an older one is not written any more.
    void recall(Version version) {
        if (version <= version_) return;
        version_ = version;
        has_content_ = false;
    }

    // The content has been composed as next_version().
    void composed() {
        version_ = version_.next();
        dirty_ = false;
        has_content_ = true;
    }

    // Emits Action{datastore, request} for every datastore that lags behind.
    template <typename Action>
    void issue(Core& core) {
        if (!has_content_) return;
        for (std::uint8_t d = 0; d < core.config.datastores_count; ++d) {
            Disk& disk = disks_[d];
            if (disk.writing || disk.written >= version_ || core.now < disk.not_before) continue;
            disk.writing = true;
            disk.request = core.new_request();
            disk.issued = version_;
            core.emit(Action{d, disk.request});
        }
    }

    void take(const Core& core, DatastoreIndex datastore, RequestId request, bool done) {
        if (datastore >= kDatastoresMax) return;
        Disk& disk = disks_[datastore];
        if (!disk.writing || disk.request != request) return;
        disk.writing = false;
        if (done) {
            disk.written = std::max(disk.written, disk.issued);
        } else {
            disk.not_before = core.now + core.config.timing.interval;
        }
    }

    // Whether nothing is left to be composed, and to be written no sooner than a write under way is answered.
    [[nodiscard]] bool at_rest(const Core& core) const {
        if (dirty_) return false;
        if (!has_content_) return true;
        for (std::size_t d = 0; d < core.config.datastores_count; ++d) {
            if (!disks_[d].writing && disks_[d].written < version_) return false;
        }
        return true;
    }

    // The newest version that a majority of the voters holds.
    [[nodiscard]] Version on_majority(const Core& core) const {
        return core.quorum.reached<Version>([this](std::size_t i) { return disks_[i].written; });
    }

  private:
    struct Disk {
        bool writing = false;
        RequestId request;
        Version issued;
        Version written;
        Instant not_before = kNotYet;
    };

    Version version_;
    bool dirty_ = false;
    bool has_content_ = false;  // `version_` was composed here
    std::array<Disk, kDatastoresMax> disks_{};
};

}  // namespace holdfast
