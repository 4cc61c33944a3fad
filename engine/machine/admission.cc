#include "engine/machine/admission.h"

#include <algorithm>

namespace holdfast {

namespace {

constexpr std::uint16_t kWaiting = 0;  // the home of the VMs that wait already

bool goes_before(const VmSpec& left, const VmSpec& right) {
    if (left.priority != right.priority) return left.priority > right.priority;
    if (left.memory_mib != right.memory_mib) return left.memory_mib > right.memory_mib;
    return left.vm.bytes < right.vm.bytes;
}

// How many sets of `size` there are among `count`, or more than the limit.
std::uint64_t sets_count(std::uint64_t count, std::uint64_t size) {
    std::uint64_t sets = 1;
    for (std::uint64_t i = 1; i <= size && sets <= Admission::kSetsMax; ++i)
        sets = sets * (count - size + i) / i;
    return sets;
}

}  // namespace

Admission::Admission(std::size_t hosts_max, std::size_t vms_max) {
    rooms_.reserve(hosts_max);
    left_.reserve(hosts_max);
    homes_.reserve(hosts_max + 1);
    vms_.reserve(vms_max);
    spots_.reserve(vms_max);
    clear();
}

void Admission::clear() {
    rooms_.clear();
    vms_.clear();
    spots_.clear();
    spots_lost_ = false;
    homes_.clear();
    homes_.push_back({});
    under_way_ = false;
}

void Admission::add_room(const Room& room) {
    rooms_.push_back(room);
    rooms_.back().starts_in_flight = 0;  // they pass
}

void Admission::add_home(HostId host) {
    end_home();
    if (host.is_none()) return look_at_rooms();
    HF_CHECK(homes_.size() < homes_.capacity());
    Home home;
    home.host = host;
    home.begin = home.end = static_cast<std::uint32_t>(vms_.size());
    homes_.push_back(home);
}

void Admission::add_vm(const VmSpec& spec) {
    Home& home = homes_.back();
    if (spec.priority == Priority::Disabled || vms_.size() == vms_.capacity()) return;
    vms_.push_back(&spec);
    ++home.end;
    home.demand_mib += spec.memory_mib;
    home.largest_mib = std::max(home.largest_mib, spec.memory_mib);
    home.plain = home.plain && is_plain(spec);
    add_spots(spec, home.host);
}

void Admission::look_at_rooms() {
    std::sort(rooms_.begin(), rooms_.end(), [](const Room& left, const Room& right) {
        return left.host < right.host;
    });
    common_datastores_ = ~0U;
    fewest_cpus_ = UINT16_MAX;
    common_networks_ = {};
    for (const Room& room : rooms_) {
        common_datastores_ &= room.datastores;
        if (room.cpus != 0) fewest_cpus_ = std::min(fewest_cpus_, room.cpus);
        if (room.networks != nullptr && room.networks->known) add_networks(*room.networks);
    }
}

void Admission::add_networks(const HostNetworks& networks) {
    if (!common_networks_.known) {
        common_networks_ = networks;
        return;
    }
    const auto& other = networks.hashes;
    for (std::size_t i = common_networks_.hashes.size(); i-- > 0;) {
        if (!std::binary_search(other.begin(), other.end(), common_networks_.hashes[i]))
            common_networks_.hashes.remove_at(i);
    }
    std::sort(common_networks_.hashes.begin(), common_networks_.hashes.end());
}

void Admission::end_home() {
    const Home& home = homes_.back();
    std::sort(vms_.begin() + home.begin,
              vms_.begin() + home.end,
              [](const VmSpec* left, const VmSpec* right) { return goes_before(*left, *right); });
}

bool Admission::is_plain(const VmSpec& spec) const {
    return (spec.datastores & ~common_datastores_) == 0 && spec.cpus <= fewest_cpus_ &&
           common_networks_.satisfy(spec.networks) && spec.relations.apart == 0;
}

void Admission::begin() {
    end_home();
    take_stock();
    finding_ = {};
    finding_.hosts_count = static_cast<std::uint16_t>(homes_.size() - 1);
    try_first_of(0);
    under_way_ = true;
}

void Admission::take_stock() {
    free_mib_ = 0;
    for (const Room& room : rooms_) free_mib_ += room.memory_free_mib;
    for (Home& home : homes_) {
        const auto room = std::lower_bound(
            rooms_.begin(), rooms_.end(), home.host, [](const Room& left, HostId host) {
                return left.host < host;
            });
        home.has_room = room != rooms_.end() && room->host == home.host;
        home.free_mib = home.has_room ? room->memory_free_mib : 0;
    }
    std::sort(spots_.begin(), spots_.end(), [](const Spot& left, const Spot& right) {
        return left.group < right.group;
    });
    spots_count_ = spots_.size();
}

bool Admission::advance(std::size_t looks) {
    std::size_t spent = 0;
    while (under_way_ && spent < looks) {
        spent += trial_.homes.size();
        if (!trial_.begun && surely_absorbed()) {
            end_trial();
            continue;
        }
        if (!trial_.begun) begin_trial();
        HostId home;
        const VmSpec* vm = next_vm(home);
        if (vm == nullptr) {
            end_trial();
            continue;
        }
        give_room(*vm, home);
        spent += left_.size();
    }
    return !under_way_;
}

// Without looking at the VMs one by one.  Suppose that one of them, of size s, found no room: then each of the n hosts that are left has
// less than s free, together less than n * s.  But what is free together is at least all that was free less the demand of
// the others, and if that leaves (n - 1) * largest + s, it is no less than n * s.
bool Admission::surely_absorbed() const {
    std::uint64_t free = free_mib_;
    std::uint64_t left = rooms_.size();
    std::uint64_t demand = 0;
    std::uint64_t largest = 0;
    std::uint32_t vms_count = 0;
    bool plain = true;
    for (const std::uint16_t index : trial_.homes) {
        const Home& home = homes_[index];
        free -= home.free_mib;
        left -= home.has_room ? 1 : 0;
        demand += home.demand_mib;
        largest = std::max<std::uint64_t>(largest, home.largest_mib);
        vms_count += home.end - home.begin;
        plain = plain && home.plain;
    }
    if (vms_count == 0) return true;
    // Those that wait are started in any case, so it matters where.
    if (trial_.homes[0] == kWaiting) return false;
    return plain && left > 0 && free >= demand + (left - 1) * largest;
}

void Admission::begin_trial() {
    trial_.begun = true;
    left_.clear();
    HostSet failed;
    for (std::size_t i = 0; i < trial_.homes.size(); ++i) {
        const Home& home = homes_[trial_.homes[i]];
        trial_.next[i] = home.begin;
        if (!home.host.is_none()) failed.insert(home.host);
    }
    for (const Room& room : rooms_) {
        if (!failed.contains(room.host)) left_.push_back(room);
    }
}

const VmSpec* Admission::next_vm(HostId& home) {
    const VmSpec* best = nullptr;
    std::size_t from = 0;
    for (std::size_t i = 0; i < trial_.homes.size(); ++i) {
        if (trial_.next[i] == homes_[trial_.homes[i]].end) continue;
        const VmSpec* vm = vms_[trial_.next[i]];
        if (best != nullptr && !goes_before(*vm, *best)) continue;
        best = vm;
        from = i;
    }
    if (best == nullptr) return nullptr;
    ++trial_.next[from];
    home = homes_[trial_.homes[from]].host;
    return best;
}

void Admission::give_room(const VmSpec& spec, HostId home) {
    HostSet apart;
    HostSet together;
    Leanings leanings;
    if (spec.relations.apart != 0) {
        hosts_of(spec.relations.apart, true, apart);
        leanings.apart = &apart;
    }
    if (spec.relations.together != 0) {
        hosts_of(spec.relations.together, false, together);
        leanings.together = &together;
    }
    Hindrances why;
    Room* room = place(left_, spec, leanings, why);
    if (room != nullptr) {
        room->memory_free_mib -= spec.memory_mib;
        add_spots(spec, room->host);
        return;
    }
    ++trial_.roomless_count;
    ++finding_.roomless_count;
    finding_.roomless.try_push({spec.vm, spec.name, home, why});
}

void Admission::add_spots(const VmSpec& spec, HostId host) {
    if (host.is_none()) return;
    for (const bool apart : {true, false}) {
        const std::uint32_t group = apart ? spec.relations.apart : spec.relations.together;
        if (group == 0) continue;
        if (spots_.size() == spots_.capacity()) {
            spots_lost_ = true;
            return;
        }
        spots_.push_back({group, host, apart});
    }
}

void Admission::hosts_of(std::uint32_t group, bool apart, HostSet& hosts) const {
    const auto trials = spots_.begin() + static_cast<std::ptrdiff_t>(spots_count_);
    const auto insert = [&](const Spot& spot) {
        if (spot.group == group && spot.apart == apart) hosts.insert(spot.host);
    };
    auto spot =
        std::lower_bound(spots_.begin(), trials, group, [](const Spot& left, std::uint32_t right) {
            return left.group < right;
        });
    for (; spot != trials && spot->group == group; ++spot) insert(*spot);
    std::for_each(trials, spots_.end(), insert);
}

// Sets of homes in lexicographic order; of size 0 stands for the VMs that wait already.
void Admission::try_first_of(std::size_t size) {
    trial_ = {};
    if (size == 0) trial_.homes.push(kWaiting);
    for (std::size_t i = 1; i <= size; ++i) trial_.homes.push(static_cast<std::uint16_t>(i));
}

bool Admission::try_next() {
    const std::size_t size = trial_.homes.size();
    if (trial_.homes[0] == kWaiting) return false;
    for (std::size_t i = size; i-- > 0;) {
        // The last `size - i` homes are the highest that this place can have.
        if (trial_.homes[i] + (size - i) >= homes_.size()) continue;
        auto home = trial_.homes[i];
        Trial next;
        for (std::size_t j = 0; j < i; ++j) next.homes.push(trial_.homes[j]);
        while (next.homes.size() < size) next.homes.push(++home);
        trial_ = next;
        return true;
    }
    return false;
}

void Admission::end_trial() {
    const bool waiting = trial_.homes[0] == kWaiting;
    const std::size_t size = waiting ? 0 : trial_.homes.size();
    if (waiting) {
        // They are started first, and keep what they get.
        if (trial_.begun) std::swap(rooms_, left_);
        take_stock();
    }
    spots_.resize(spots_count_);
    const bool absorbed = trial_.roomless_count == 0;
    if (!absorbed && !waiting && finding_.beyond.empty()) {
        for (const std::uint16_t index : trial_.homes) finding_.beyond.push(homes_[index].host);
    }
    // Single failures are tried to the end, for their VMs are to be named.
    const bool goes_on = absorbed || size <= 1;
    if (goes_on && try_next()) return;
    if (goes_on && finding_.roomless_count == 0)
        finding_.absorbs = static_cast<std::uint16_t>(size);
    if (goes_on) finding_.tried = static_cast<std::uint16_t>(size);
    const std::size_t hosts_count = homes_.size() - 1;
    const bool larger = size == 0 ? hosts_count > 0
                                  : goes_on && finding_.roomless_count == 0 &&
                                        size + 1 < hosts_count && size < trial_.next.size() &&
                                        sets_count(hosts_count, size + 1) <= kSetsMax;
    if (larger) return try_first_of(size + 1);
    finding_.known = !spots_lost_;
    result_ = finding_;
    under_way_ = false;
}

void Admission::forget() {
    clear();
    result_ = {};
}

}  // namespace holdfast
