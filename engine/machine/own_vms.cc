#include "engine/machine/own_vms.h"

namespace holdfast {

OwnVm* OwnVms::find(VmId vm) {
    for (OwnVm& own : vms_) {
        if (own.claim.spec.vm == vm) return &own;
    }
    return nullptr;
}

OwnVm* OwnVms::find_or_add(const VmSpec& spec) {
    if (OwnVm* own = find(spec.vm)) return own;
    OwnVm fresh;
    fresh.claim.spec = spec;
    return vms_.try_push(fresh) ? vms_.end() - 1 : nullptr;
}

void OwnVms::remove(VmId vm) {
    for (std::size_t i = 0; i < vms_.size(); ++i) {
        if (vms_[i].claim.spec.vm != vm) continue;
        vms_.remove_at(i);
        return;
    }
}

bool OwnVms::any_held() const {
    for (const OwnVm& own : vms_) {
        const bool claimed = (own.listed && own.claim.holds()) || own.under_way();
        if (claimed || own.destroying || (own.qemu_seen && !own.bystander)) return true;
    }
    return false;
}

void OwnVms::write_to(Roster& roster) const {
    roster.claims.clear();
    for (const OwnVm& own : vms_) {
        if (own.listed) roster.claims.push(own.claim);
    }
}

}  // namespace holdfast
