// A person's word that a host is dead: from the control socket to the engine and back.
#include "agent/daemon/clock.h"
#include "agent/daemon/control_loop.h"
#include "agent/text.h"

namespace holdfast {

void ControlLoop::confirm(Client& client, const ConfirmRequest& request) {
    client.guard_token = next_token_++;
    client.guard_until = boottime_now() + kGuardTimeLimit;
    client.guard_name.clear();
    if (!reports_.push(
            ControlReport{ConfirmDead{client.guard_token, request.host, request.incarnation}})) {
        end_guard(client, 1, "The agent is too busy to answer.");
    }
}

void ControlLoop::answer(const AnswerConfirm& answer) {
    const std::string name = around_.config.host_name(answer.host);
    std::string sentence;
    switch (answer.verdict) {
        case ConfirmVerdict::Accepted: break;
        case ConfirmVerdict::NotLeader:
            sentence = answer.other.is_none() || answer.other == answer.host
                           ? "No host leads now, and only the leader can take it. Try again when "
                             "`holdfast status` names one."
                           : "Only the leader can take it. Run it on " +
                                 around_.config.host_name(answer.other) + ".";
            break;
        case ConfirmVerdict::ShowsLife:
            sentence = name +
                       " shows life, or did so too lately: refused. It must be silent for "
                       "another " +
                       duration_text(answer.wait) + ".";
            break;
        case ConfirmVerdict::Changed:
            sentence = name + " was seen as incarnation " + incarnation_text(answer.incarnation) +
                       " since: it has come back. Look again.";
            break;
        case ConfirmVerdict::AlreadyDead:
            sentence = name + " is certified dead already; nothing is left to confirm.";
            break;
        case ConfirmVerdict::UnknownHost:
            sentence = name + " is not another member, or was never heard of.";
            break;
    }
    const bool good =
        answer.verdict == ConfirmVerdict::Accepted || answer.verdict == ConfirmVerdict::AlreadyDead;
    for (const auto& client : clients_) {
        if (client->guard_token != answer.token || answer.token == 0) continue;
        end_guard(*client, good ? 0 : 1, sentence);
        return;
    }
}

}  // namespace holdfast
