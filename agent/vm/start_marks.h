// StartMarks: which VMs this host's agent began to start and has not resumed yet, kept across restarts of holdfast-vm.
//
// One empty file a VM in `run/vm-starts`, made before libvirt is asked to create the VM and removed once it runs or is
// proved gone.  So a successor tells a half-started VM from one that a person paused, and knows that a call of its
// predecessor may still be under way.  /run is memory: no call here waits for a disk.  One thread.
#pragma once

#include <set>
#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast {

class StartMarks {
  public:
    // Makes the folder, and reads what a predecessor left.
    [[nodiscard]] static Result<StartMarks> open(const std::string& folder);

    // False: the file cannot be written, so the VM must not be started.
    [[nodiscard]] bool set(const VmId& vm);
    void clear(const VmId& vm);

    [[nodiscard]] bool has(const VmId& vm) const { return marks_.contains(vm); }

    // Whether the mark was left by a predecessor whose call to libvirt may still be under way.
    [[nodiscard]] bool is_inherited(const VmId& vm) const { return inherited_.contains(vm); }

    // That call is over: its domain has been seen active.
    void settle(const VmId& vm) { inherited_.erase(vm); }

  private:
    explicit StartMarks(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] std::string path_of(const VmId& vm) const;

    std::string folder_;
    std::set<VmId> marks_;
    std::set<VmId> inherited_;
};

}  // namespace holdfast
