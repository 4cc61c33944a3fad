// What the control loop does for its clients: status, events and guard.
#include <algorithm>
#include <utility>

#include "agent/daemon/clock.h"
#include "agent/daemon/control_loop.h"
#include "agent/daemon/net_loop.h"
#include "agent/text.h"

namespace holdfast {

namespace {

constexpr std::size_t kQueueMax = 4096;  // packets; a client that is further behind is dropped

}  // namespace

void ControlLoop::serve(Client& client) {
    while (!client.dead) {
        std::span<const std::uint8_t> packet;
        const ReceiveStatus status = client.socket.receive(&packet);
        if (status == ReceiveStatus::Nothing) break;
        if (status == ReceiveStatus::Closed) {
            client.dead = true;
            return;
        }
        const std::string_view text(reinterpret_cast<const char*>(packet.data()),
                                    status == ReceiveStatus::TooLarge ? 0 : packet.size());
        const Result<ControlRequest> request = decode_request(text);
        const bool busy = client.following || client.closing || client.guard_token != 0;
        if (!request || busy) {
            const std::string reason =
                busy ? "One request a connection. [HF-5010]" : request.error().text;
            sink_.say(MessageId::ControlRefused, {reason});
            end(client, 2, reason);
            break;
        }
        handle(client, *request);
    }
    if (client.guard_token != 0 && boottime_now() >= client.guard_until) {
        const bool vm = !client.guard_name.empty();
        end_guard(client,
                  vm ? 1 : 3,
                  vm ? "the agent did not answer within 5 s; for a protected VM that means no."
                     : "The agent did not answer within 5 s.");
    }
    if (client.change_token != 0 && boottime_now() >= client.change_until) {
        client.change_token = 0;
        end(client,
            1,
            "The change was not in force within 2 min; it may still come. Look at `holdfast "
            "status` "
            "and ask again.");
    }
    flush(client);
}

void ControlLoop::handle(Client& client, const ControlRequest& request) {
    if (std::holds_alternative<StatusRequest>(request)) {
        send_status(client);
    } else if (std::holds_alternative<LatencyRequest>(request)) {
        send_latency(client);
    } else if (const auto* events = std::get_if<EventsRequest>(&request)) {
        send_events(client, *events);
    } else if (const auto* asked = std::get_if<ChangeRequest>(&request)) {
        change(client, *asked);
    } else if (const auto* confirmed = std::get_if<ConfirmRequest>(&request)) {
        confirm(client, *confirmed);
    } else if (std::holds_alternative<GoodbyeRequest>(request)) {
        goodbye(client);
    } else {
        guard(client, std::get<GuardRequest>(request));
    }
}

void ControlLoop::send_status(Client& client) {
    if (!load_snapshot()) {
        end(client, 3, "The agent is starting and has nothing to show yet.");
        return;
    }
    StatusFacts facts{around_.config, *snapshot_, {}, {}, directory_->libvirt_connected, {}};
    for (const DatastoreLoop* loop : around_.datastores) {
        const DatastoreLoopFacts seen = loop->facts();
        DatastoreFacts shown{seen.backend.data(),
                             seen.problem.data(),
                             seen.latency_p50_us,
                             seen.latency_p99_us,
                             seen.scan_p50_us,
                             seen.scan_p99_us};
        if (seen.late && shown.problem.empty()) shown.problem = "an operation hangs";
        facts.datastores.push_back(std::move(shown));
    }
    add_links(facts);
    for (const VmDirectory::Entry& entry : directory_->entries) {
        if (entry.protectable) continue;
        facts.unprotected.push_back(
            {entry.spec.vm, std::string(entry.spec.name.view()), entry.reason});
    }
    send_data(client, status_json(facts) + "\n");
    end(client, status_code(facts), {});
}

void ControlLoop::add_links(StatusFacts& facts) const {
    if (around_.net == nullptr) return;
    const auto own =
        std::find_if(around_.config.members.begin(),
                     around_.config.members.end(),
                     [this](const MemberConfig& entry) { return entry.id == around_.config.self; });
    if (own == around_.config.members.end()) return;
    const auto links = around_.net->links();
    for (std::size_t i = 0; i < own->addresses.size() && i < links.size(); ++i) {
        const LinkFacts& seen = links[i];
        facts.links.push_back({own->addresses[i],
                               seen.up,
                               seen.beats,
                               seen.spacing_p50_us,
                               seen.spacing_p99_us,
                               seen.spacing_worst_us});
    }
}

void ControlLoop::send_events(Client& client, const EventsRequest& request) {
    for (const EventLine& line : events_) {
        if (line.at >= request.since) send_data(client, event_json(line) + "\n");
    }
    if (request.follow) {
        client.following = true;
    } else {
        end(client, 0, {});
    }
}

void ControlLoop::guard(Client& client, const GuardRequest& request) {
    client.guard_name = request.name.empty() ? uuid_text(request.vm) : request.name;
    const bool have_snapshot = load_snapshot();
    const VmSnapshot* claimed = nullptr;
    for (std::size_t i = 0; have_snapshot && i < snapshot_->vms_count; ++i) {
        if (snapshot_->vms[i].vm == request.vm) claimed = &snapshot_->vms[i];
    }
    const bool holds = claimed != nullptr && claimed->state != ClaimState::WantsStart &&
                       claimed->state != ClaimState::Stopped &&
                       claimed->state != ClaimState::Failed;
    const auto& entries = directory_->entries;
    const auto known = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
        return entry.spec.vm == request.vm;
    });
    StartAsked asked;
    asked.incoming = request.incoming;
    asked.arrival = request.arrival;
    asked.spec.vm = request.vm;
    asked.spec.name = VmName{request.name};
    const bool here = holds && claimed->host == around_.config.self;
    if (here || request.incoming || request.arrival != 0) {
        // The agent's own start, or what a migration brings: the engine knows, and needs no definition for it.
        if (known != entries.end() && known->protectable && !known->spec.xml.is_none())
            asked.spec = known->spec;
        return ask_engine(client, asked);
    }
    if (known == entries.end() || !known->protectable) {
        if (holds) {
            end_guard(client, 1, "it runs on " + around_.config.host_name(claimed->host) + ".");
        } else if (known == entries.end() && !directory_->list_complete) {
            end_guard(
                client,
                1,
                "the agent does not know yet which VMs are protected; try again in a moment.");
        } else {
            end_guard(client, 0, {});  // not protected: none of the agent's business
        }
        return;
    }
    if (known->spec.xml.is_none()) {
        end_guard(client, 1, "its definition is not on a majority of the datastores yet.");
        return;
    }
    asked.spec = known->spec;
    ask_engine(client, asked);
}

void ControlLoop::ask_engine(Client& client, StartAsked asked) {
    client.guard_token = asked.token = next_token_++;
    client.guard_until = boottime_now() + kGuardTimeLimit;
    if (!reports_.push(ControlReport{asked}))
        end_guard(client, 1, "the agent is too busy to answer.");
}

// Once said it stands: the SIGTERM that follows must not make an upgrade of it.
void ControlLoop::goodbye(Client& client) {
    if (!shutdown_told_) shutdown_told_ = reports_.push(ControlReport{ShutdownAsked{true}});
    end(client,
        shutdown_told_ ? 0 : 1,
        shutdown_told_ ? "This host takes no new VMs; those that stop from now on start elsewhere."
                       : "The agent is too busy to answer.");
}

// Why a host of this id cannot have a slot; empty when it can.
std::string ControlLoop::lacks_room_for(HostId host) const {
    for (std::size_t d = 0; d < around_.datastores.size(); ++d) {
        const DatastoreLoopFacts facts = around_.datastores[d]->facts();
        if (facts.hosts_max == 0 || host.value() <= facts.hosts_max) continue;
        return "Datastore " + around_.config.datastores[d].name + " was formatted for " +
               std::to_string(facts.hosts_max) + " hosts: take a lower id, or replace it.";
    }
    return {};
}

void ControlLoop::change(Client& client, const ChangeRequest& request) {
    const auto* member = std::get_if<MemberChange>(&request.change);
    const std::string lacks =
        member != nullptr && !member->remove ? lacks_room_for(member->host) : "";
    if (!lacks.empty()) return end(client, 1, lacks);
    client.change_token = next_token_++;
    client.change_until = boottime_now() + kChangeTimeLimit;
    if (!reports_.push(ControlReport{ConfigChangeAsked{client.change_token, request.change}}))
        end(client, 1, "The agent is too busy to answer.");
}

void ControlLoop::answer(const AnswerChange& answer) {
    for (const auto& client : clients_) {
        if (client->change_token != answer.token || answer.token == 0) continue;
        client->change_token = 0;
        // Who asks for what is so already has it: a script may ask twice.
        const bool done =
            answer.verdict == ChangeVerdict::Done || answer.verdict == ChangeVerdict::NothingToDo;
        end(*client,
            done ? 0 : 1,
            change_sentence(answer, around_.config.host_name(answer.leader)));
        return;
    }
}

void ControlLoop::answer(const AnswerStart& answer) {
    for (const auto& client : clients_) {
        if (client->guard_token != answer.token || answer.token == 0) continue;
        const bool allowed = answer.verdict == StartVerdict::Allowed;
        if (allowed && answer.arrival != 0) {
            client->guard_token = 0;
            sink_.say(MessageId::VmAllowed, {client->guard_name});
            end(*client, 0, std::to_string(answer.arrival));
            return;
        }
        end_guard(*client, allowed ? 0 : 1, allowed ? std::string() : refusal(answer));
        return;
    }
}

std::string ControlLoop::refusal(const AnswerStart& answer) const {
    const std::string other = around_.config.host_name(answer.other);
    switch (answer.verdict) {
        case StartVerdict::Allowed: return {};
        case StartVerdict::NoLease:
            return "this host does not hold its lease now; `holdfast status` shows why.";
        case StartVerdict::RunsElsewhere: return "it runs on " + other + ".";
        case StartVerdict::Unreadable:
            return "the roster of " + other + " cannot be read, so it may run there.";
        case StartVerdict::Busy:
            return "a start or stop of it is under way; try again in a moment.";
        case StartVerdict::Isolated:
            return "this host is isolated, and the VM's policy would have it stopped here at once; "
                   "start it on another host.";
        case StartVerdict::Maintenance:
            return "this host is in maintenance; start it on another host, or end that with "
                   "`holdfast "
                   "maintenance HOST off`.";
        case StartVerdict::NotHandedOver:
            return "no host that runs it has agreed to its migration to this one: it does not run, "
                   "or the agent of its host does not answer; see `holdfast status`.";
        case StartVerdict::Stopping: break;
    }
    return "the agent is being stopped.";
}

void ControlLoop::end_guard(Client& client, int code, const std::string& sentence) {
    client.guard_token = 0;
    if (code == 0) {
        sink_.say(MessageId::VmAllowed, {client.guard_name});
    } else {
        sink_.say(MessageId::VmRefused, {client.guard_name, sentence});
    }
    const bool vm = !sentence.empty() && !client.guard_name.empty();
    end(client, code, vm ? "VM " + client.guard_name + ": " + sentence : sentence);
}

void ControlLoop::end(Client& client, int code, const std::string& text) {
    client.outgoing.push_back(encode_end({code, text}));
    client.closing = true;
}

void ControlLoop::send_data(Client& client, const std::string& text) {
    if (client.outgoing.size() > kQueueMax) {
        client.dead = true;
        return;
    }
    constexpr std::size_t kPart = kControlPacketBytesMax - 1;
    for (std::size_t begin = 0; begin < text.size(); begin += kPart) {
        client.outgoing.push_back("D" + text.substr(begin, kPart));
    }
}

void ControlLoop::flush(Client& client) {
    while (!client.dead && !client.outgoing.empty()) {
        const std::string& packet = client.outgoing.front();
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(packet.data());
        const SendStatus status = client.socket.send({bytes, packet.size()});
        if (status == SendStatus::WouldBlock) return;
        if (status != SendStatus::Sent) {
            client.dead = true;
            return;
        }
        client.outgoing.pop_front();
    }
    if (client.closing && client.outgoing.empty()) client.dead = true;
}

}  // namespace holdfast
