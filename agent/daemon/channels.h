// What the beat process's threads hand each other: plain values in single-producer rings, each with the eventfd of whoever takes them.
//
//   engine loop  -> VM link       VmCommand        VM link       -> engine loop  VmReport
//   engine loop  -> control loop  ControlCommand   control loop  -> engine loop  ControlReport
//   engine loop  -> net loop      Member
//   engine loop  -> net loop      Beat             net loop      -> engine loop  BeatReceived
//   VM link      -> control loop  VmDirectory
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/daemon/wakeup.h"
#include "engine/lockfree/ring.h"
#include "engine/machine/action.h"
#include "engine/machine/event.h"
#include "net/members.h"

namespace holdfast {

// A blob in this host's heap that the own roster names.  The first time, all that the roster read at the start names, then
// RosterKnown; afterwards, all that a roster version on a majority names, then RosterCommitted.
struct BlobNamed {
    VmId vm;
    XmlRef xml;
};

struct RosterKnown {};

struct RosterCommitted {};

using VmCommand = std::variant<StartVm,
                               ResumeVm,
                               DestroyVm,
                               ShutdownVm,
                               BlobNamed,
                               RosterKnown,
                               RosterCommitted,
                               FenceHost>;

using VmReport = std::variant<VmSeen,
                              VmListComplete,
                              VmStopped,
                              VmStarted,
                              VmResumed,
                              VmGone,
                              CapacityReport,
                              FenceAnswered>;

using ControlCommand = std::variant<AnswerStart,
                                    AnswerChange,
                                    AnswerConfirm,
                                    PersistIncarnation,
                                    KeepMembership,
                                    ShutdownReady>;

using ControlReport = std::variant<StartAsked,
                                   ConfigChangeAsked,
                                   ConfirmDead,
                                   IncarnationPersisted,
                                   MembershipKept,
                                   ShutdownAsked>;

// What the VM link knows of this host's VMs; replaced as a whole whenever it changes, never changed in place.
struct VmDirectory {
    struct Entry {
        VmSpec spec;  // spec.xml is none until the XML is on a majority
        bool protectable = false;
        std::string reason;  // why not
    };

    bool vm_connected = false;       // holdfast-vm
    bool libvirt_connected = false;  // and libvirt behind it
    bool list_complete = false;      // every domain is listed here
    std::vector<Entry> entries;
};

// One direction between two threads.
template <typename T>
struct Channel {
    Channel(std::size_t capacity, const Wakeup& taker) : ring(capacity), reader(taker) {}

    // Producer.  False when full.
    [[nodiscard]] bool push(const T& value) {
        const bool pushed = ring.try_push(value);
        reader.signal();
        return pushed;
    }

    Ring<T> ring;
    const Wakeup& reader;
};

struct EngineChannels {
    Channel<VmCommand>& vm_commands;
    Channel<VmReport>& vm_reports;
    Channel<ControlCommand>& control_commands;
    Channel<ControlReport>& control_reports;
    Channel<Beat>& beats_out;
    Channel<BeatReceived>& beats_in;
    Channel<ProbeReport>& probes_in;
    Channel<Member>* listed = nullptr;  // null: nobody wants to know
};

}  // namespace holdfast
