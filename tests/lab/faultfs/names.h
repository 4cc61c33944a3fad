// Names: gives every path below the source a number, as FUSE wants it.
//
// A number is never given twice, and a path keeps its number for good: datastores hold few files.
// Thread safety: any thread.
#pragma once

#include <fuse3/fuse_lowlevel.h>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace faultfs {

class Names {
  public:
    Names() { number_of(""); }  // the root, FUSE_ROOT_ID

    fuse_ino_t number_of(const std::string& path) {
        const std::scoped_lock lock(mutex_);
        const auto [entry, added] = numbers_.try_emplace(path, paths_.size() + 1);
        if (added) paths_.push_back(path);
        return entry->second;
    }

    std::string path_of(fuse_ino_t number) {
        const std::scoped_lock lock(mutex_);
        return paths_.at(number - 1);
    }

    std::string child(fuse_ino_t parent, const char* name) { return path_of(parent) + "/" + name; }

    void removed(const std::string& path) {
        const std::scoped_lock lock(mutex_);
        numbers_.erase(path);
    }

    void renamed(const std::string& from, const std::string& to) {
        const std::scoped_lock lock(mutex_);
        const auto entry = numbers_.extract(from);
        if (entry.empty()) return;
        paths_.at(entry.mapped() - 1) = to;
        numbers_.insert_or_assign(to, entry.mapped());
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> paths_;
    std::unordered_map<std::string, fuse_ino_t> numbers_;
};

}  // namespace faultfs
