// FenceCalls: runs the fence agents of other members (ClusterLabs' FenceAgentAPI: key=value lines on standard input).
//
//   off:     0 done, anything else failed; proves nothing either way
//   status:  0 on, 2 off, anything else unknown
//
// Each call is a process group of its own, with a time limit after which the whole group is killed; `status` is asked whatever
// `off` said.  One call a host at a time; different hosts' calls run side by side.  Never blocks; one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/config.h"
#include "agent/vm_protocol.h"

namespace holdfast {

class FenceCalls {
  public:
    explicit FenceCalls(const std::vector<MemberConfig>& members);
    FenceCalls(const FenceCalls&) = delete;
    FenceCalls& operator=(const FenceCalls&) = delete;
    // Kills what still runs.
    ~FenceCalls();

    // Begins at once, or when the call of this host under way has ended; then `send` gets the answer.
    void obey(const vm_protocol::Fence& order, Instant now);

    // Looks after what runs.  To be called every 100 ms or so while busy().
    void tick(Instant now, const std::function<void(vm_protocol::Fenced)>& send);

    [[nodiscard]] bool busy() const;

  private:
    struct Call {
        FenceConfig fence;
        std::optional<vm_protocol::Fence> running;
        std::optional<vm_protocol::Fence> waiting;
        bool off_over = false;  // `status` is under way
        vm_protocol::Fenced answer;
        pid_t pid = 0;
        int output = -1;  // a memory file: what the program wrote to standard error
        Instant until = kNotYet;
    };

    void begin(Call& call, const vm_protocol::Fence& order, Instant now);
    // False: it could not be started.
    bool spawn(Call& call, const char* action, Instant now);
    void next(Call& call, std::optional<int> exit_code, Instant now);
    void note_output(Call& call);

    std::map<HostId, Call> calls_;
    std::vector<vm_protocol::Fenced> done_;
    std::vector<pid_t> killed_;  // not reaped yet
};

}  // namespace holdfast
