#include "agent/control_protocol.h"

#include <array>
#include <charconv>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/text.h"
#include "engine/base/limits.h"
#include "net/address.h"

namespace holdfast {

namespace {

constexpr std::string_view kPrefix = "holdfast/1";

Unexpected<Error> refuse(const std::string& text) {
    return Unexpected{Error{0, text + " [HF-5010]"}};
}

std::vector<std::string_view> words_of(std::string_view packet) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t space = packet.find(' ');
        words.push_back(packet.substr(0, space));
        if (space == std::string_view::npos) return words;
        packet.remove_prefix(space + 1);
    }
}

Result<ControlRequest> decode_events(const std::vector<std::string_view>& words) {
    if (words.size() != 4) return refuse("events takes SINCE_S and FOLLOW.");
    double since = 0;
    const auto [end, error] =
        std::from_chars(words[2].data(), words[2].data() + words[2].size(), since);
    const bool whole = end == words[2].data() + words[2].size();
    if (error != std::errc{} || !whole || !(since >= 0) || since > 1e9) {
        return refuse("events: SINCE_S is not a number of seconds since the boot.");
    }
    if (words[3] != "0" && words[3] != "1") return refuse("events: FOLLOW is neither 0 nor 1.");
    return ControlRequest{
        EventsRequest{Instant{Duration{static_cast<std::int64_t>(since * 1e9)}}, words[3] == "1"}};
}

Result<ControlRequest> decode_guard(const std::vector<std::string_view>& words) {
    if (words.size() < 3 || words.size() > 5)
        return refuse("guard takes UUID, NAME and what it is about.");
    const auto uuid = parse_uuid(words[2]);
    if (!uuid || uuid->is_none()) return refuse("guard: that is not a VM's uuid.");
    GuardRequest guard{*uuid, words.size() >= 4 ? printable(words[3]) : std::string()};
    if (words.size() == 5 && words[4] == "incoming") {
        guard.incoming = true;
    } else if (words.size() == 5) {
        const std::string_view digits = words[4];
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), guard.arrival);
        const bool whole = error == std::errc{} && end == digits.data() + digits.size();
        if (!whole || guard.arrival == 0)
            return refuse("guard: neither incoming nor the number of an arrival.");
    }
    return ControlRequest{std::move(guard)};
}

// The nine durations of a timing, in the order of its declaration.
std::array<Duration*, 9> parts_of(Timing& timing) {
    return {&timing.interval,
            &timing.fresh,
            &timing.silent,
            &timing.isolation_after,
            &timing.lease,
            &timing.watchdog,
            &timing.granularity,
            &timing.landing,
            &timing.dead};
}

template <typename Number>
bool read_number(std::string_view word, Number& number) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    return error == std::errc{} && end == word.data() + word.size();
}

Result<ControlRequest> decode_timing(const std::vector<std::string_view>& words) {
    if (words.size() != 12) return refuse("change timing takes nine numbers of nanoseconds.");
    TimingChange change;
    std::size_t at = 3;
    for (Duration* part : parts_of(change.timing)) {
        std::int64_t ns = 0;
        if (!read_number(words[at], ns) || ns <= 0 || ns > Duration{std::chrono::hours{24}}.count())
            return refuse("change timing: number " + std::to_string(at - 2) +
                          " is not a span of 1 ns to 24 h in nanoseconds.");
        *part = Duration{ns};
        ++at;
    }
    return ControlRequest{ChangeRequest{change}};
}

// The addresses of a host's links, with commas between them.
Result<std::array<LinkAddress, kLinksMax>> decode_addresses(std::string_view text) {
    std::array<LinkAddress, kLinksMax> addresses{};
    for (std::size_t link = 0;; ++link) {
        const std::size_t comma = text.find(',');
        if (link == kLinksMax)
            return Unexpected{
                Error{0, "a host has at most " + std::to_string(kLinksMax) + " addresses."}};
        const Result<Address> address = parse_address(text.substr(0, comma));
        if (!address) return Unexpected{address.error()};
        addresses[link] = {static_cast<std::uint8_t>(address->family), address->bytes};
        if (comma == std::string_view::npos) return addresses;
        text.remove_prefix(comma + 1);
    }
}

std::string encode_addresses(const std::array<LinkAddress, kLinksMax>& addresses) {
    std::string text;
    for (const LinkAddress& link : addresses) {
        if (link.family == 0) continue;
        const Address address{static_cast<AddressFamily>(link.family), link.bytes};
        text += (text.empty() ? "" : ",") + to_string(address);
    }
    return text;
}

Result<ControlRequest> decode_member(const std::vector<std::string_view>& words) {
    MemberChange change;
    std::uint16_t host = 0;
    if (!read_number(words[4], host) || host < 1 || host > kHostsMax)
        return refuse("change member takes a host id, 1 to 1024.");
    change.host = HostId{host};
    change.remove = words[3] == "remove";
    if (change.remove && words.size() == 5) return ControlRequest{ChangeRequest{change}};
    if (words[3] != "add" || words.size() != 7 || words[6].size() > 64)
        return refuse("change member takes remove ID, or add ID ADDRESS[,ADDRESS...] NAME.");
    const auto addresses = decode_addresses(words[5]);
    if (!addresses) return refuse("change member: " + addresses.error().text);
    change.place = {FixedText<64>{words[6]}, *addresses};
    return ControlRequest{ChangeRequest{change}};
}

Result<ControlRequest> decode_change(const std::vector<std::string_view>& words) {
    if (words.size() >= 3 && words[2] == "timing") return decode_timing(words);
    if (words.size() >= 5 && words[2] == "datastore") {
        const bool lost = words[3] == "retire-without-majority";
        const bool known = words[3] == "add" || words[3] == "retire" || lost;
        // A name may hold blanks: it is the rest of the packet.
        const char* end = words.back().data() + words.back().size();
        const std::string_view name(words[4].data(),
                                    static_cast<std::size_t>(end - words[4].data()));
        if (!known || name.empty() || name.size() > kDatastoreNameMax)
            return refuse("change datastore takes add or retire, and a name of 1 to 48 bytes.");
        return ControlRequest{
            ChangeRequest{DatastoreChange{DatastoreName{name}, words[3] != "add", lost}}};
    }
    if (words.size() == 5 && words[2] == "maintenance") {
        std::uint16_t host = 0;
        const bool known = words[4] == "on" || words[4] == "off";
        if (!known || !read_number(words[3], host) || host < 1 || host > kHostsMax)
            return refuse("change maintenance takes a host id, 1 to 1024, and on or off.");
        return ControlRequest{ChangeRequest{MaintenanceChange{HostId{host}, words[4] == "on"}}};
    }
    if (words.size() >= 5 && words[2] == "member") return decode_member(words);
    return refuse(
        "change takes timing, datastore, maintenance or member, with what belongs to it.");
}

std::string encode_change(const ConfigChange& change) {
    if (const auto* timing = std::get_if<TimingChange>(&change)) {
        std::string text = " change timing";
        Timing copy = timing->timing;
        for (const Duration* part : parts_of(copy)) text += " " + std::to_string(part->count());
        return text;
    }
    if (const auto* datastore = std::get_if<DatastoreChange>(&change)) {
        const char* act = datastore->without_majority ? "retire-without-majority "
                          : datastore->retire         ? "retire "
                                                      : "add ";
        return std::string(" change datastore ") + act + std::string(datastore->name.view());
    }
    if (const auto* member = std::get_if<MemberChange>(&change)) {
        const std::string id = std::to_string(member->host.value());
        if (member->remove) return " change member remove " + id;
        return " change member add " + id + " " + encode_addresses(member->place.addresses) + " " +
               std::string(member->place.name.view());
    }
    const auto& maintenance = std::get<MaintenanceChange>(change);
    return " change maintenance " + std::to_string(maintenance.host.value()) +
           (maintenance.on ? " on" : " off");
}

Result<ControlRequest> decode_confirm(const std::vector<std::string_view>& words) {
    if (words.size() != 4) return refuse("confirm-dead takes HOST and INCARNATION.");
    std::uint16_t host = 0;
    if (!read_number(words[2], host) || host < 1 || host > kHostsMax)
        return refuse("confirm-dead: HOST is not a host id.");
    std::uint32_t boot = 0;
    std::uint32_t restart = 0;
    const std::size_t dot = words[3].find('.');
    const bool whole = dot != std::string_view::npos &&
                       read_number(words[3].substr(0, dot), boot) &&
                       read_number(words[3].substr(dot + 1), restart);
    if (!whole || boot == 0) return refuse("confirm-dead: INCARNATION is not of the form 3.1.");
    return ControlRequest{ConfirmRequest{HostId{host}, Incarnation{boot, restart}}};
}

}  // namespace

std::string encode_request(const ControlRequest& request) {
    std::string text(kPrefix);
    if (std::holds_alternative<StatusRequest>(request)) return text + " status";
    if (std::holds_alternative<LatencyRequest>(request)) return text + " latency";
    if (const auto* events = std::get_if<EventsRequest>(&request)) {
        const double since =
            std::chrono::duration<double>(events->since.time_since_epoch()).count();
        std::array<char, 48> number{};
        const auto done = std::to_chars(
            number.data(), number.data() + number.size(), since, std::chars_format::fixed);
        text += " events " + std::string(number.data(), done.ptr);
        return text + (events->follow ? " 1" : " 0");
    }
    if (const auto* change = std::get_if<ChangeRequest>(&request))
        return text + encode_change(change->change);
    if (const auto* confirm = std::get_if<ConfirmRequest>(&request)) {
        return text + " confirm-dead " + std::to_string(confirm->host.value()) + " " +
               incarnation_text(confirm->incarnation);
    }
    if (std::holds_alternative<GoodbyeRequest>(request)) return text + " goodbye";
    const auto& guard = std::get<GuardRequest>(request);
    text += " guard " + uuid_text(guard.vm) + " ";
    // Without a name there is no room for what follows it.
    const std::string name = guard.name.empty() ? uuid_text(guard.vm) : printable(guard.name);
    for (const char c : name.substr(0, kGuardNameMax)) text += c == ' ' ? '_' : c;
    if (guard.incoming) text += " incoming";
    if (guard.arrival != 0) text += " " + std::to_string(guard.arrival);
    return text.substr(0, kControlRequestBytesMax);
}

Result<ControlRequest> decode_request(std::string_view packet) {
    if (packet.size() > kControlRequestBytesMax) return refuse("The request is too long.");
    const std::vector<std::string_view> words = words_of(packet);
    if (words[0] != kPrefix) {
        if (words[0].starts_with("holdfast/")) {
            return refuse("This agent speaks " + std::string(kPrefix) +
                          ", the request another version: use the command of the agent's release.");
        }
        return refuse("This is not a request of the holdfast command.");
    }
    if (words.size() == 2 && words[1] == "status") return ControlRequest{StatusRequest{}};
    if (words.size() == 2 && words[1] == "latency") return ControlRequest{LatencyRequest{}};
    if (words.size() >= 2 && words[1] == "events") return decode_events(words);
    if (words.size() == 2 && words[1] == "goodbye") return ControlRequest{GoodbyeRequest{}};
    if (words.size() >= 2 && words[1] == "guard") return decode_guard(words);
    if (words.size() >= 2 && words[1] == "change") return decode_change(words);
    if (words.size() >= 2 && words[1] == "confirm-dead") return decode_confirm(words);
    return refuse("The agent does not know this request: " + printable(packet.substr(0, 80)) + ".");
}

std::string change_sentence(const AnswerChange& answer, const std::string& leader) {
    switch (answer.verdict) {
        case ChangeVerdict::Done:
            return "It is in force as configuration " +
                   std::to_string(answer.number.epoch.value()) + "." +
                   std::to_string(answer.number.step) + ".";
        case ChangeVerdict::NotLeading:
            return answer.leader.is_none()
                       ? "Nobody leads now; a change needs a leader. Try again in a moment."
                       : "Host " + std::to_string(answer.leader.value()) + " (" + leader +
                             ") leads: ask there.";
        case ChangeVerdict::Unsafe:
            return "This timing is unsafe and was not taken; `holdfast check` says what would be "
                   "safe.";
        case ChangeVerdict::UnknownName:
            return "The leader knows no host or datastore of that name. A datastore must be in the "
                   "configuration file of every host, and their agents restarted, before it can "
                   "vote.";
        case ChangeVerdict::NothingToDo: return "It is so already; nothing was changed.";
        case ChangeVerdict::Busy: return "Another change is under way; try again in a moment.";
        case ChangeVerdict::LastVoter: return "It is the only voting datastore, and one must stay.";
        case ChangeVerdict::TooMany:
            return std::to_string(kVotersMax) +
                   " datastores vote already, so retire one first; or the agents have room for no "
                   "more hosts, or none with so high an id: name it in every configuration file "
                   "and "
                   "restart them one after the other.";
        case ChangeVerdict::NotReached:
            return "A majority of the hosts does not write and read that datastore; `holdfast "
                   "status` on each shows who does.";
        case ChangeVerdict::LastHost:
            return "It is the last host that is not in maintenance, and one must stay to take VMs.";
        case ChangeVerdict::Unsettled:
            return "VMs of a host that is not alive are not settled yet, and its list of them lies "
                   "on "
                   "today's datastores alone: wait until they run elsewhere or it is back.";
        case ChangeVerdict::MajorityLives:
            return "A majority of the voting datastores answers this host, or the one that you "
                   "name "
                   "does: retire it in the ordinary way, on the leader.";
        case ChangeVerdict::NotOver:
            return "That host is not proved dead, and has not said goodbye: shut it down first, or "
                   "wait until `holdfast status` calls it dead.";
        case ChangeVerdict::OfficeEnded: break;
    }
    return "The leader lost its office before the change was in force; it may come or not. Look at "
           "`holdfast status` and ask again.";
}

std::string encode_end(const ControlEnd& end) {
    return ("E" + std::to_string(end.code % 10) + end.text).substr(0, kControlPacketBytesMax);
}

Result<ControlEnd> decode_end(std::string_view packet) {
    if (packet.size() < 2 || packet[0] != 'E' || packet[1] < '0' || packet[1] > '9') {
        return refuse("The agent's answer does not end as it should.");
    }
    return ControlEnd{packet[1] - '0', std::string(packet.substr(2))};
}

}  // namespace holdfast
