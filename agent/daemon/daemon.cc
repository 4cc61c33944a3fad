#include "agent/daemon/daemon.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "agent/daemon/clock.h"
#include "agent/daemon/control_loop.h"
#include "agent/daemon/datastore_loop.h"
#include "agent/daemon/engine_loop.h"
#include "agent/daemon/engine_setup.h"
#include "agent/daemon/host_identity.h"
#include "agent/daemon/kept_membership.h"
#include "agent/daemon/log_writer.h"
#include "agent/daemon/net_loop.h"
#include "agent/daemon/run_lock.h"
#include "agent/daemon/vm_link.h"
#include "agent/text.h"
#include "storage/backend_select.h"

namespace holdfast {

namespace {

constexpr Duration kPredecessorWait = std::chrono::seconds{10};

Result<Nothing> make_folder(const std::string& path, mode_t mode) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        mkdir(path.substr(0, slash).c_str(), 0755);
    }
    if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return Nothing{};
    const int number = errno;
    return Unexpected{
        Error{number, path + ": cannot be made: " + std::strerror(number) + ". [HF-5002]"}};
}

Result<Nothing> make_folders(const Config& config) {
    const std::string log_folder = config.log_file.substr(0, config.log_file.rfind('/'));
    // Without its log and its recorder the agent still protects VMs; the log writer says what is missing.
    static_cast<void>(make_folder(log_folder, 0755));
    static_cast<void>(make_folder(config.state_dir, 0750));
    const Result<Nothing> run = make_folder(config.run_dir, 0750);
    if (!run) return run;
    return make_folder(config.run_path("intents"), 0700);
}

}  // namespace

struct Daemon::Parts {
    Parts(const Config& configuration, RunLock held, KeeperPageFile page)
        : config(configuration), lock(std::move(held)), keeper(std::move(page)) {}

    Config config;
    RunLock lock;
    KeeperPageFile keeper;
    HostIdentity identity;
    Incarnation incarnation;
    Wakeup engine_wakeup;
    Wakeup vm_wakeup;
    Wakeup control_wakeup;
    Wakeup log_wakeup;
    std::vector<std::unique_ptr<DatastoreLoop>> datastores;
    std::unique_ptr<LogWriter> log;
    std::unique_ptr<NetLoop> net;
    std::unique_ptr<VmLink> vm;
    std::unique_ptr<ControlLoop> control;
    std::unique_ptr<flight::FlightRecorder> recorder;  // null: the configuration wants none
    std::unique_ptr<EngineLoop> engine;
    std::unique_ptr<ConfigRecord> directory;
    std::unique_ptr<Seqlock<KeptMembership>> kept = std::make_unique<Seqlock<KeptMembership>>();

    [[nodiscard]] std::vector<DatastoreLoop*> loops() const {
        std::vector<DatastoreLoop*> list;
        for (const auto& loop : datastores) list.push_back(loop.get());
        return list;
    }

    [[nodiscard]] Result<Nothing> make_datastores();
    [[nodiscard]] Result<Nothing> make_links();
    void make_engine();
    void say_start();
};

Result<Nothing> Daemon::Parts::make_datastores() {
    const Result<BackendChoice> configured = parse_backend_choice(config.io_backend);
    if (!configured) return Unexpected{configured.error()};
    const Result<BackendChoice> choice = effective_backend_choice(*configured);
    if (!choice) return Unexpected{choice.error()};
    const std::uint32_t hosts_scan_max = host_id_max(config).value();
    for (const PathConfig& entry : config.datastores) {
        DatastoreOptions options;
        options.name = entry.name;
        options.path = entry.path;
        options.cluster = config.cluster_uuid;
        options.host = config.self;
        options.intent_folder = config.run_path("intents");
        options.boot_id = identity.boot_id;
        options.backend = *choice;
        options.allow_local_filesystem = !config.shared_filesystem_check;
        datastores.push_back(std::make_unique<DatastoreLoop>(
            options,
            hosts_scan_max,
            DatastoreLoop::Wakers{engine_wakeup, vm_wakeup, log_wakeup, control_wakeup}));
    }
    return Nothing{};
}

Result<Nothing> Daemon::Parts::make_links() {
    auto keys = BeatKeys::load(config.key_file);
    if (!keys)
        return Unexpected{Error{keys.error().system_errno, keys.error().text + " [HF-1010]"}};
    auto made_net = NetLoop::make(config, std::move(keys.value()), engine_wakeup, control_wakeup);
    if (!made_net) return Unexpected{made_net.error()};
    net = std::move(made_net.value());
    auto made_vm = VmLink::make(config, loops(), vm_wakeup, engine_wakeup, control_wakeup);
    if (!made_vm) return Unexpected{made_vm.error()};
    vm = std::move(made_vm.value());
    log = std::make_unique<LogWriter>(config, loops(), log_wakeup);
    ControlLoop::Surroundings around{config,
                                     identity.boot_id,
                                     control_wakeup,
                                     engine_wakeup,
                                     loops(),
                                     {},
                                     nullptr,
                                     &vm->directories(),
                                     &log->lines(),
                                     kept.get(),
                                     net.get()};
    auto made_control = ControlLoop::make(around);
    if (!made_control) return Unexpected{made_control.error()};
    control = std::move(made_control.value());
    return Nothing{};
}

void Daemon::Parts::make_engine() {
    directory = make_directory(config);
    std::vector<DatastoreOutlet> outlets;
    for (const auto& loop : datastores) {
        outlets.push_back({&loop->engine_port(), &loop->wakeup()});
    }
    const std::unique_ptr<const EngineConfig> setup =
        make_engine_config(config, identity, incarnation, keeper.page(), boottime_now());
    if (config.flight_bytes_max != 0) recorder = std::make_unique<flight::FlightRecorder>();
    engine = std::make_unique<EngineLoop>(*setup,
                                          EngineLoop::Surroundings{config.cluster_uuid,
                                                                   std::move(outlets),
                                                                   {vm->commands(),
                                                                    vm->reports(),
                                                                    control->commands(),
                                                                    control->reports(),
                                                                    net->beats_out(),
                                                                    net->beats_in(),
                                                                    net->probes_in(),
                                                                    &net->listed()},
                                                                   keeper.page(),
                                                                   directory.get(),
                                                                   kept.get(),
                                                                   config.watchdog_device,
                                                                   engine_wakeup,
                                                                   control_wakeup,
                                                                   &boottime_now,
                                                                   recorder.get()});
    // Those that joined while a predecessor ran; there is room for all of them.
    if (setup->kept) {
        for (const ClusterMember& member : setup->kept->config.members)
            static_cast<void>(net->listed().push(member_of(member)));
    }
    if (recorder != nullptr) log->keep_flight(*recorder, *setup, engine->started_at());
    std::vector<LogSink*> sinks{&engine->sink(), &net->sink(), &vm->sink()};
    for (const auto& loop : datastores) sinks.push_back(&loop->sink());
    control->attach(&engine->snapshot(), std::move(sinks));
}

void Daemon::Parts::say_start() {
    LogSink& sink = control->sink();
    sink.say(MessageId::AgentStarted,
             {HF_VERSION,
              std::to_string(config.self.value()),
              printable(config.cluster_name),
              std::to_string(config.members.size()),
              std::to_string(config.datastores.size()),
              std::to_string(config.voters_count),
              incarnation_text(incarnation),
              duration_text(config.timing.lease),
              duration_text(config.timing.dead)},
             config.self);
    if (const std::string refused = lock_memory(); !refused.empty()) {
        sink.say(MessageId::MemoryNotLocked, {refused});
    }
    if (const std::string refused = set_pace(Pace::BeatPath); !refused.empty()) {
        sink.say(MessageId::NotRealTime, {refused});
    }
}

Result<std::unique_ptr<Daemon>> Daemon::make(const Config& config) {
    const Result<Nothing> folders = make_folders(config);
    if (!folders) return Unexpected{folders.error()};
    auto lock = RunLock::take(config.run_path("agent.lock"), kPredecessorWait);
    if (!lock) return Unexpected{lock.error()};
    const Result<HostIdentity> identity = read_host_identity(config.cluster_uuid);
    if (!identity) return Unexpected{identity.error()};
    const Result<Incarnation> incarnation =
        next_incarnation(config.run_path("incarnation"), identity->boot_id);
    if (!incarnation) return Unexpected{incarnation.error()};
    auto keeper = KeeperPageFile::create_or_open(config.run_path("keeper.page"));
    if (!keeper) return Unexpected{keeper.error()};

    auto parts =
        std::make_unique<Parts>(config, std::move(lock.value()), std::move(keeper.value()));
    parts->identity = *identity;
    parts->incarnation = *incarnation;
    const Result<Nothing> datastores = parts->make_datastores();
    if (!datastores) return Unexpected{datastores.error()};
    const Result<Nothing> links = parts->make_links();
    if (!links) return Unexpected{links.error()};
    parts->make_engine();
    return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() {
    stop();
}

void Daemon::start() {
    parts_->say_start();
    parts_->log->start();
    parts_->control->start();
    for (const auto& loop : parts_->datastores) loop->start();
    parts_->net->start();
    parts_->vm->start();
    parts_->engine->start();
    set_pace(Pace::Ordinary);  // the calling thread only waits from now on
}

void Daemon::ask_shutdown() {
    parts_->control->ask_shutdown();
}

bool Daemon::ended() const {
    return parts_->control->ended();
}

void Daemon::finish() {
    parts_->engine->stop();
    parts_->control->stop();
    parts_->log->stop();
}

void Daemon::stop() {
    parts_->engine->stop();
    parts_->vm->stop();
    parts_->net->stop();
    for (const auto& loop : parts_->datastores) loop->stop();
    parts_->control->stop();
    parts_->log->stop();
}

}  // namespace holdfast
