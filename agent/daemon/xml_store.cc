#include "agent/daemon/xml_store.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace holdfast {

namespace {

constexpr Duration kRetryAfter = std::chrono::seconds{2};
constexpr Duration kReadPatience = std::chrono::milliseconds{500};

std::span<const std::byte> as_std_bytes(const std::vector<std::uint8_t>& xml) {
    return std::as_bytes(std::span(xml));
}

bool same_content(const XmlRef& left, const XmlRef& right) {
    return left.length_bytes == right.length_bytes && left.raw_bytes == right.raw_bytes &&
           left.crc32c == right.crc32c;
}

}  // namespace

XmlStore::XmlStore(HostId self, std::uint8_t voters_count, std::vector<Outlet> outlets)
    : self_(self),
      voters_count_(voters_count),
      outlets_(std::move(outlets)),
      writing_(outlets_.size()) {}

void XmlStore::blob_named(VmId vm, const XmlRef& ref) {
    if (roster_known_) {
        naming_.push_back(ref);
    } else {
        named_[vm] = ref;
    }
}

void XmlStore::roster_known() {
    roster_known_ = true;
}

void XmlStore::roster_committed() {
    if (heap_) heap_->commit(naming_);
    for (auto it = stored_refs_.begin(); it != stored_refs_.end();) {
        auto& [vm, stored] = *it;
        const bool named = std::find(naming_.begin(), naming_.end(), stored.ref) != naming_.end();
        if (!named && stored.named) {
            dropped_.push_back(vm);
            it = stored_refs_.erase(it);
            continue;
        }
        stored.named = named;
        ++it;
    }
    naming_.clear();
}

void XmlStore::store(VmId vm, const XmlRef& ref, std::vector<std::uint8_t> xml) {
    const auto stored = stored_refs_.find(vm);
    if (stored != stored_refs_.end() && same_content(stored->second.ref, ref)) {
        wanted_.erase(vm);
        stored_.push_back({vm, stored->second.ref});
        return;
    }
    for (Job& job : jobs_) {
        if (job.vm == vm && same_content(job.ref, ref)) {
            wanted_.erase(vm);
            return;  // under way; its Stored is still to come, or came already
        }
    }
    wanted_[vm] = Wanted{ref, std::move(xml), false};
}

bool XmlStore::have_heap() {
    if (heap_) return true;
    // The smallest of those that are open; all are formatted alike.
    for (const Outlet& outlet : outlets_) {
        const std::uint64_t bytes = outlet.facts().heap_bytes;
        if (bytes != 0 && (heap_bytes_ == 0 || bytes < heap_bytes_)) heap_bytes_ = bytes;
    }
    if (heap_bytes_ == 0) return false;
    heap_.emplace(self_, heap_bytes_);
    return true;
}

void XmlStore::place_wanted() {
    if (!roster_known_ || wanted_.empty() || !have_heap()) return;
    for (auto it = wanted_.begin(); it != wanted_.end();) {
        auto& [vm, wanted] = *it;
        const auto named = named_.find(vm);
        if (named != named_.end() && same_content(named->second, wanted.ref) &&
            heap_->adopt(named->second, as_std_bytes(wanted.xml))) {
            // The roster that named it is on a majority, and so is the blob.
            stored_refs_[vm] = {named->second, true};
            stored_.push_back({vm, named->second});
            it = wanted_.erase(it);
            continue;
        }
        const Result<XmlRef> placed = heap_->place(as_std_bytes(wanted.xml), wanted.ref.raw_bytes);
        if (!placed) {
            if (!wanted.problem_said) problems_.push_back({vm, placed.error().text});
            wanted.problem_said = true;
            ++it;
            continue;
        }
        // A job for older XML of this VM that no roster names yet is of no use any more.
        std::erase_if(jobs_, [&, id = vm](const Job& job) { return job.vm == id; });
        jobs_.push_back({vm, *placed, 0, false, std::vector<Instant>(outlets_.size())});
        it = wanted_.erase(it);
    }
}

void XmlStore::start_writes(Instant now) {
    for (std::size_t d = 0; d < outlets_.size(); ++d) {
        if (writing_[d]) continue;
        const auto job = std::find_if(jobs_.begin(), jobs_.end(), [d, now](const Job& candidate) {
            return (candidate.done >> d & 1U) == 0 && candidate.retry_at[d] <= now;
        });
        if (job == jobs_.end()) continue;
        const DatastoreMemory* memory = outlets_[d].port->memory.load(std::memory_order_acquire);
        if (memory == nullptr) {
            job->retry_at[d] = now + kRetryAfter;
            continue;
        }
        const XmlHeap::Pages pages = heap_->pages_of(job->ref);
        const auto payload = memory->payload(DatastoreRequestKind::WriteHeap);
        std::memcpy(payload.data(), pages.bytes.data(), pages.bytes.size());
        DatastoreRequest request;
        request.kind = DatastoreRequestKind::WriteHeap;
        request.request = RequestId{next_number_++};
        request.offset_bytes = pages.offset_bytes;
        request.length_bytes = static_cast<std::uint32_t>(pages.bytes.size());
        if (!outlets_[d].port->requests.try_push({request, memory})) continue;
        outlets_[d].wakeup->signal();
        writing_[d] = std::pair(job->vm, job->ref);
    }
}

std::uint64_t XmlStore::fetch(const XmlRef& ref, Instant give_up_at) {
    const std::uint64_t ticket = next_number_++;
    reads_[ticket] = Read{ticket, ref, give_up_at, Instant{}, 0, "no datastore answered in time."};
    return ticket;
}

// Each datastore gets its time; the next one is asked without giving the one before up.
void XmlStore::start_reads(Instant now) {
    for (auto it = reads_.begin(); it != reads_.end();) {
        Read& read = it->second;
        if (now >= read.give_up_at ||
            (read.next_datastore >= outlets_.size() && now >= read.next_at)) {
            fetched_.push_back({read.ticket, {}, read.problem});
            it = reads_.erase(it);
            continue;
        }
        if (now >= read.next_at) {
            const std::size_t d = read.next_datastore++;
            read.next_at = now + kReadPatience;
            DatastoreRequest request;
            request.kind = DatastoreRequestKind::ReadHeap;
            request.request = RequestId{next_number_++};
            request.first = read.ref.host;
            request.offset_bytes = read.ref.offset_bytes;
            request.length_bytes = read.ref.length_bytes;
            if (outlets_[d].port->requests.try_push({request, nullptr})) {
                asked_[request.request.value()] = read.ticket;
                outlets_[d].wakeup->signal();
            }
        }
        ++it;
    }
}

void XmlStore::report(Job& job) {
    const auto voters = job.done & ((1U << voters_count_) - 1U);
    if (job.reported || 2 * std::popcount(voters) <= voters_count_) return;
    job.reported = true;
    stored_refs_[job.vm] = {job.ref, false};
    stored_.push_back({job.vm, job.ref});
}

void XmlStore::take_completion(Instant now,
                               std::size_t datastore,
                               const DatastoreCompletion& completion) {
    if (completion.kind == DatastoreRequestKind::ReadHeap) {
        finish_read(completion.request.value(), completion, datastore);
        return;
    }
    const auto written = writing_[datastore];
    writing_[datastore].reset();
    if (!written) return;
    const auto job = std::find_if(jobs_.begin(), jobs_.end(), [&written](const Job& candidate) {
        return candidate.vm == written->first && candidate.ref == written->second;
    });
    if (job == jobs_.end()) return;
    if (completion.status != IoStatus::Done) {
        job->retry_at[datastore] = now + kRetryAfter;
        return;
    }
    job->done |= 1U << datastore;
    report(*job);
    if (static_cast<std::size_t>(std::popcount(job->done)) == outlets_.size()) jobs_.erase(job);
}

void XmlStore::finish_read(std::uint64_t request,
                           const DatastoreCompletion& completion,
                           std::size_t datastore) {
    const auto asked = asked_.find(request);
    const std::uint64_t ticket = asked == asked_.end() ? 0 : asked->second;
    if (asked != asked_.end()) asked_.erase(asked);
    const auto found = reads_.find(ticket);
    if (found != reads_.end()) {
        Read& read = found->second;
        if (completion.status != IoStatus::Done) {
            read.problem = "datastore " + std::to_string(datastore) + " could not read it.";
            read.next_at = Instant{};
        } else if (const auto xml = decompress_xml(completion.bytes, read.ref); !xml) {
            read.problem = xml.error().text;
            read.next_at = Instant{};
        } else {
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(completion.bytes.data());
            fetched_.push_back({ticket, {bytes, bytes + completion.bytes.size()}, {}});
            reads_.erase(found);
        }
    }
    if (completion.result != kNoResult) {
        HF_CHECK(outlets_[datastore].port->requests.try_push({release_of(completion), nullptr}));
        outlets_[datastore].wakeup->signal();
    }
}

void XmlStore::poll(Instant now) {
    for (std::size_t d = 0; d < outlets_.size(); ++d) {
        DatastoreCompletion completion;
        while (outlets_[d].port->completions.try_pop(completion))
            take_completion(now, d, completion);
    }
    place_wanted();
    start_writes(now);
    start_reads(now);
}

std::optional<XmlStore::Stored> XmlStore::take_stored() {
    if (stored_.empty()) return std::nullopt;
    Stored first = stored_.front();
    stored_.pop_front();
    return first;
}

std::optional<XmlStore::Problem> XmlStore::take_problem() {
    if (problems_.empty()) return std::nullopt;
    Problem first = std::move(problems_.front());
    problems_.pop_front();
    return first;
}

std::optional<VmId> XmlStore::take_dropped() {
    if (dropped_.empty()) return std::nullopt;
    const VmId first = dropped_.front();
    dropped_.pop_front();
    return first;
}

std::optional<XmlStore::Fetched> XmlStore::take_fetched() {
    if (fetched_.empty()) return std::nullopt;
    Fetched first = std::move(fetched_.front());
    fetched_.pop_front();
    return first;
}

}  // namespace holdfast
