#include "agent/daemon/vm_link.h"

#include <algorithm>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "agent/daemon/clock.h"
#include "agent/text.h"

namespace holdfast {

namespace {

constexpr std::size_t kCommandsMax = 4096;
constexpr std::size_t kReportsMax = 2048;
constexpr int kVmWaitMs = 1000;
constexpr int kVmWaitBusyMs = 100;

}  // namespace

Result<std::unique_ptr<VmLink>> VmLink::make(const Config& config,
                                             std::vector<DatastoreLoop*> datastores,
                                             const Wakeup& wakeup,
                                             const Wakeup& engine,
                                             const Wakeup& control) {
    auto listener =
        SeqpacketListener::listen(config.run_path("vm.sock"), vm_protocol::kMessageBytesMax);
    if (!listener) return Unexpected{listener.error()};
    std::vector<XmlStore::Outlet> outlets;
    for (DatastoreLoop* loop : datastores) {
        outlets.push_back({&loop->vm_port(), &loop->wakeup(), [loop] { return loop->facts(); }});
    }
    return std::unique_ptr<VmLink>(new VmLink(
        config, std::move(listener.value()), std::move(outlets), wakeup, engine, control));
}

VmLink::VmLink(const Config& config,
               SeqpacketListener listener,
               std::vector<XmlStore::Outlet> outlets,
               const Wakeup& wakeup,
               const Wakeup& engine,
               const Wakeup& control)
    : listener_(std::move(listener)),
      wakeup_(wakeup),
      commands_(kCommandsMax, wakeup),
      reports_(kReportsMax, engine),
      directories_(16, control),
      sink_(256, control),
      store_(config.self, config.voters_count, std::move(outlets)) {}

VmLink::~VmLink() {
    stop();
}

void VmLink::start() {
    thread_.start("hf-vm", Pace::Ordinary, [this] { run(); });
}

void VmLink::stop() {
    stopping_.store(true);
    wakeup_.signal();
    thread_.join();
}

void VmLink::run() {
    sink_.say(MessageId::VmDisconnected, {});
    while (!stopping_.load()) {
        pollfd entries[3] = {{wakeup_.fd(), POLLIN, 0},
                             {listener_.descriptor(), POLLIN, 0},
                             {connection_ ? connection_->descriptor() : -1, POLLIN, 0}};
        if (!outgoing_.empty()) entries[2].events |= POLLOUT;
        // While reports wait for room, nothing more is taken in.
        if (!reports_waiting_.empty()) entries[2].events = 0;
        const bool busy = store_.busy() || !reports_waiting_.empty();
        poll(entries, 3, busy ? kVmWaitBusyMs : kVmWaitMs);
        wakeup_.drain();
        flush_reports();
        if ((entries[1].revents & POLLIN) != 0) accept_connection();
        if (reports_waiting_.empty()) take_messages();
        take_commands();
        store_.poll(boottime_now());
        take_store_results();
        complete_list_if_ready();
        flush_outgoing();
        publish_directory();
    }
}

void VmLink::accept_connection() {
    std::optional<Seqpacket> fresh = listener_.accept();
    if (!fresh) return;
    const auto peer = fresh->peer();
    if (!peer || (peer->uid != 0 && peer->uid != geteuid())) {
        sink_.say(MessageId::VmMessageRejected, {"the connection is not root's."});
        return;
    }
    if (connection_) lose_connection();
    connection_ = std::move(fresh);
    sink_.say(MessageId::VmConnected, {});
    directory_changed_ = true;
    for (const VmId& vm : destroys_) send(vm_protocol::Destroy{vm});
    for (const auto& [vm, until] : shutdowns_) send(vm_protocol::Shutdown{vm, until});
    for (auto& [vm, start] : starts_) {
        if (start.ticket != 0) continue;
        start.fail_on_gone = true;
        send(vm_protocol::Destroy{vm});
    }
    for (const auto& [vm, resume] : resumes_) {
        send(vm_protocol::Resume{vm, resume.claim, resume.valid_until});
    }
}

void VmLink::lose_connection() {
    if (!connection_) return;
    connection_.reset();
    outgoing_.clear();
    libvirt_connected_ = false;
    list_said_ = false;
    list_reported_ = false;
    listed_.clear();
    directory_changed_ = true;
    sink_.say(MessageId::VmDisconnected, {});
    for (const auto& [host, request] : fences_) {
        report(FenceAnswered{host, request, FenceReply::NoAnswer, PowerState::Unknown});
    }
    fences_.clear();
}

void VmLink::take_messages() {
    while (connection_ && reports_waiting_.empty()) {
        std::span<const std::uint8_t> packet;
        const ReceiveStatus status = connection_->receive(&packet);
        if (status == ReceiveStatus::Nothing) return;
        if (status == ReceiveStatus::Closed) {
            lose_connection();
            return;
        }
        if (status == ReceiveStatus::TooLarge) {
            sink_.say(MessageId::VmMessageRejected, {"it is too large."});
            continue;
        }
        auto message = vm_protocol::decode(packet);
        if (!message) {
            sink_.say(MessageId::VmMessageRejected, {vm_protocol::describe(message.error())});
            continue;
        }
        std::visit(
            [this](auto& body) {
                using Body = std::remove_cvref_t<decltype(body)>;
                if constexpr (requires { on(body); }) {
                    on(body);
                } else {
                    static_assert(!std::is_same_v<Body, vm_protocol::Hello>);
                    sink_.say(MessageId::VmMessageRejected,
                              {"it is one that only the agent sends."});
                }
            },
            message.value());
    }
}

void VmLink::take_commands() {
    VmCommand command;
    while (commands_.ring.try_pop(command)) {
        if (const auto* start = std::get_if<StartVm>(&command)) {
            order(*start);
        } else if (const auto* resume = std::get_if<ResumeVm>(&command)) {
            order(*resume);
        } else if (const auto* destroy = std::get_if<DestroyVm>(&command)) {
            order(*destroy);
        } else if (const auto* shutdown = std::get_if<ShutdownVm>(&command)) {
            order(*shutdown);
        } else if (const auto* fence = std::get_if<FenceHost>(&command)) {
            order(*fence);
        } else if (const auto* named = std::get_if<BlobNamed>(&command)) {
            store_.blob_named(named->vm, named->xml);
        } else if (std::holds_alternative<RosterKnown>(command)) {
            store_.roster_known();
        } else {
            store_.roster_committed();
        }
    }
}

void VmLink::take_store_results() {
    while (const auto dropped = store_.take_dropped()) {
        const auto found = domains_.find(*dropped);
        if (found == domains_.end() || !found->second.seen.protectable) continue;
        found->second.stored = XmlRef{};
        store_.store(*dropped, found->second.seen.spec.xml, found->second.seen.xml);
    }
    while (const auto stored = store_.take_stored()) {
        const auto found = domains_.find(stored->vm);
        if (found == domains_.end()) continue;
        Domain& domain = found->second;
        domain.stored = stored->ref;
        sink_.say(MessageId::XmlStored,
                  {domain.seen.spec.name.view(), std::to_string(stored->ref.length_bytes)});
        directory_changed_ = true;
        report_seen(domain);
    }
    while (const auto problem = store_.take_problem()) {
        const auto found = domains_.find(problem->vm);
        const std::string name = found == domains_.end()
                                     ? uuid_text(problem->vm)
                                     : std::string(found->second.seen.spec.name.view());
        sink_.say(MessageId::XmlNotStored, {printable(name), problem->text});
    }
    while (auto fetched = store_.take_fetched()) {
        const auto found = std::find_if(starts_.begin(), starts_.end(), [&](const auto& entry) {
            return entry.second.ticket == fetched->ticket;
        });
        if (found == starts_.end()) continue;
        const StartVm start = found->second.order;
        starts_.erase(found);
        if (fetched->xml.empty()) {
            sink_.say(MessageId::XmlUnreadable,
                      {start.spec.name.view(),
                       "host " + std::to_string(start.spec.xml.host.value()),
                       fetched->problem});
            report(VmStarted{start.spec.vm, start.claim, StartFailure::Xml});
        } else {
            send_start(start, std::move(fetched->xml));
        }
    }
}

void VmLink::send(const vm_protocol::Message& message) {
    outgoing_.push_back(vm_protocol::encode(message));
}

void VmLink::flush_outgoing() {
    while (connection_ && !outgoing_.empty()) {
        const SendStatus status = connection_->send(outgoing_.front());
        if (status == SendStatus::WouldBlock) return;
        if (status == SendStatus::Closed) {
            lose_connection();
            return;
        }
        outgoing_.pop_front();
    }
}

void VmLink::report(const VmReport& report) {
    if (reports_waiting_.empty() && reports_.push(report)) return;
    reports_waiting_.push_back(report);
}

void VmLink::flush_reports() {
    while (!reports_waiting_.empty() && reports_.push(reports_waiting_.front())) {
        reports_waiting_.pop_front();
    }
}

void VmLink::publish_directory() {
    if (!directory_changed_) return;
    auto directory = std::make_unique<VmDirectory>();
    directory->vm_connected = connection_.has_value();
    directory->libvirt_connected = libvirt_connected_;
    directory->list_complete = list_reported_;
    for (const auto& [vm, domain] : domains_) {
        VmDirectory::Entry entry{domain.seen.spec, domain.seen.protectable, domain.seen.reason};
        entry.spec.xml = domain.stored;
        directory->entries.push_back(std::move(entry));
    }
    if (!directories_.push(directory.get())) return;  // full: next round
    // NOLINTNEXTLINE(bugprone-unused-return-value): the taker owns it now
    directory.release();
    directory_changed_ = false;
}

}  // namespace holdfast
