// QEMU processes as the kernel shows them: the witness that no libvirt can replace.
//
// A process counts as living until its last thread is gone or a zombie: a QEMU that was killed in the middle of I/O has
// no command line any more while its threads still wait for the disk.  So a process is followed by its id and start
// time from the moment it was recognized.  One thread per object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "engine/base/types.h"

namespace holdfast {

class QemuProcesses {
  public:
    QemuProcesses() = default;
    QemuProcesses(const QemuProcesses&) = delete;
    QemuProcesses& operator=(const QemuProcesses&) = delete;
    virtual ~QemuProcesses() = default;

    // Looks at the system.  The other calls answer as of the last look.
    virtual void look() = 0;

    // Whether a QEMU of the VM lives, as far as this object has ever recognized it.  True of every VM after a look that could
    // not see everything (no descriptor left, for example): it proves nothing to be gone.
    [[nodiscard]] virtual bool lives(const VmId& vm) const = 0;

    // Sends SIGKILL to every QEMU of the VM; the count of those it went to.
    virtual int kill(const VmId& vm) = 0;
};

// /proc.  A QEMU is recognized by its arguments "-name … -uuid UUID", which libvirt always passes.
class ProcQemuProcesses final : public QemuProcesses {
  public:
    explicit ProcQemuProcesses(std::string proc = "/proc") : proc_(std::move(proc)) {}

    void look() override;

    [[nodiscard]] bool lives(const VmId& vm) const override {
        return blind_ || living_.contains(vm);
    }

    int kill(const VmId& vm) override;

  private:
    struct Process {
        pid_t pid = 0;
        std::uint64_t started = 0;  // in ticks since boot: tells a pid's next owner apart

        friend bool operator==(const Process&, const Process&) = default;
    };

    [[nodiscard]] bool is_alive(const Process& process) const;
    // False when it could not be told what the process is.
    [[nodiscard]] bool recognize(pid_t pid);

    std::string proc_;
    std::map<VmId, std::vector<Process>> living_;
    bool blind_ = false;  // the last look did not see every process
};

}  // namespace holdfast
