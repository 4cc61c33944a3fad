// This and measure_arguments.cc are the only source files that include CLI11 (its templates are slow to compile).
#include <CLI/CLI.hpp>

#include "agent/cli/measure_options.h"
#include "agent/cli/options.h"

namespace holdfast::cli {

namespace {

constexpr const char* kAbout =
    "Holdfast keeps VMs running on KVM clusters that share storage.\n"
    "\n"
    "A new cluster: `holdfast init` on each host, `holdfast format` once per heartbeat datastore, "
    "then start the services.\n"
    "Exit codes of every command: 0 yes or healthy, 1 no or degraded, 2 usage or configuration, 3 "
    "the agent does not answer.";

// What every command may need besides its own options.
struct All {
    FormatOptions format;
    InspectOptions inspect;
    InitOptions init;
    StatusOptions status;
    EventsOptions events;
    GuardOptions guard;
    GoodbyeOptions goodbye;
    ConfirmDeadOptions confirm_dead;
    MaintenanceOptions maintenance;
    DatastoreOptions datastore;
    MemberOptions member;
    CheckOptions check;
    ReplayOptions replay;
    MeasureOptions measure;
};

void add_config(CLI::App* command, std::string& target) {
    command->add_option("--config", target, "The configuration file")->capture_default_str();
}

void add_json(CLI::App* command, bool& target) {
    command->add_flag("--json", target, "Print JSON (docs/JSON.md)");
}

void add_format(CLI::App& app, FormatOptions& options) {
    CLI::App* command =
        app.add_subcommand("format",
                           "Make heartbeat datastores of devices or files\n\n"
                           "Writes the whole of each PATH: a raw device, LV or partition, or a "
                           "file (made and zero-filled where there is none).\n"
                           "Whatever is not empty is refused unless --force, with a sentence that "
                           "says what was found.");
    command->add_option("PATH", options.paths, "Devices or files")->required();
    command
        ->add_option("--cluster-uuid", options.cluster_uuid, "As in [cluster] of the configuration")
        ->required();
    command->add_option("--hosts-max", options.hosts_max, "Slots, 1 to 1024; fixed for ever")
        ->capture_default_str();
    command
        ->add_option("--heap-bytes", options.heap, "Room for each host's domain XML, such as 1MiB")
        ->capture_default_str();
    command->add_flag("--force", options.force, "Overwrite what is there");
    command->add_flag("--local-filesystem",
                      options.local_filesystem,
                      "Accept a file on a local file system: test clusters only");
    add_json(command, options.json);
}

void add_inspect(CLI::App& app, InspectOptions& options) {
    CLI::App* command =
        app.add_subcommand("inspect",
                           "Show what lies on a heartbeat datastore, live or damaged\n\n"
                           "Reads only.  Damaged copies are shown with the reason why they are not "
                           "believed; exit code 1 when there are any.");
    command->add_option("PATH", options.path, "Device or file")->required();
    command->add_option("--region", options.region, "Only this region")
        ->check(CLI::IsMember(
            {"superblock", "slots", "configuration", "rosters", "orders", "recorder"}));
    command->add_option("--host", options.host, "Only this host id");
    add_json(command, options.json);
}

void add_init(CLI::App& app, InitOptions& options) {
    CLI::App* command =
        app.add_subcommand("init",
                           "Write this host's first configuration and the cluster's key\n\n"
                           "Overwrites nothing.  On the first host it makes a cluster uuid and a "
                           "key; on the others give the same --cluster-uuid and\n"
                           "copy the key file before.\n\n"
                           "  holdfast init --host-id 1 --member 1=h1=10.0.1.1,10.0.2.1 --member "
                           "2=h2=10.0.1.2,10.0.2.2 \\\n"
                           "      --datastore hb1=/dev/mapper/hb1 --vm-datastore vms=/srv/vms");
    add_config(command, options.config);
    command->add_option("--key-file", options.key_file, "Made when missing, mode 0600")
        ->capture_default_str();
    command->add_option("--cluster-uuid", options.cluster_uuid, "Default: a new one");
    command->add_option("--cluster-name", options.cluster_name, "For people")
        ->capture_default_str();
    command->add_option("--host-id", options.host_id, "This host's id")->required();
    command
        ->add_option(
            "--member", options.members, "ID=NAME=ADDRESS[,ADDRESS...], once for each host")
        ->required();
    command
        ->add_option(
            "--datastore", options.datastores, "NAME=PATH, once for each heartbeat datastore")
        ->required();
    command->add_option("--vm-datastore",
                        options.vm_datastores,
                        "NAME=PATH, once for each place with disks of VMs");
    command->add_option("--profile", options.profile, "How soon a host is called dead")
        ->check(CLI::IsMember({"fast", "standard", "patient"}))
        ->capture_default_str();
    add_json(command, options.json);
}

void add_change_commands(CLI::App& app, All& all) {
    CLI::App* maintenance = app.add_subcommand("maintenance",
                                               "Let a host take no more VMs, or take them again\n\n"
                                               "What runs there runs on, and is protected as "
                                               "before; a leader hands its office over.  Ask on "
                                               "the host that leads.");
    add_config(maintenance, all.maintenance.config);
    maintenance->add_option("HOST", all.maintenance.host, "Name or id of the host")->required();
    maintenance->add_option("STATE", all.maintenance.state, "on or off")
        ->required()
        ->check(CLI::IsMember({"on", "off"}));
    add_json(maintenance, all.maintenance.json);

    CLI::App* datastore = app.add_subcommand(
        "datastore",
        "Change which heartbeat datastores vote, while the cluster runs\n\n"
        "The new one must be formatted, in the configuration file of every host, and their agents "
        "restarted.  Ask on the host that leads.");
    datastore->require_subcommand(1);
    for (const char* act : {"add", "retire", "replace"}) {
        CLI::App* command = datastore->add_subcommand(
            act,
            std::string(act) == "add"      ? "It begins to vote"
            : std::string(act) == "retire" ? "It votes no longer"
                                           : "NEW begins to vote, then NAME ceases to");
        command->callback([&all, act] { all.datastore.act = act; });
        add_config(command, all.datastore.config);
        command->add_option("NAME", all.datastore.name, "As in the configuration")->required();
        if (std::string(act) == "replace")
            command->add_option("NEW", all.datastore.by, "What votes in its place")->required();
        add_json(command, all.datastore.json);
        if (std::string(act) != "retire") continue;
        command->add_flag(
            "--without-majority",
            all.datastore.without_majority,
            "A majority of the datastores is lost for ever: give up, on your word, all "
            "that do not answer this host");
        command->add_option("--i-know-that-no-host-will-use-it-again",
                            all.datastore.typed,
                            "NAME again, instead of typing it when asked");
    }
}

void add_member_commands(CLI::App& app, All& all) {
    CLI::App* member = app.add_subcommand(
        "member",
        "Add a host to the running cluster, or take one out\n\n"
        "A host that is added has a configuration file that names all hosts, and the cluster's "
        "key; "
        "its agent runs, or is started afterwards.\n"
        "A host that is taken out was shut down with `holdfast goodbye`, or is dead.  Ask on the "
        "host that leads.");
    member->require_subcommand(1);
    CLI::App* add = member->add_subcommand("add", "It becomes a member");
    CLI::App* remove = member->add_subcommand("remove", "It is no member any more");
    for (CLI::App* command : {add, remove}) {
        add_config(command, all.member.config);
        command->add_option("ID", all.member.id, "Its host id")
            ->required()
            ->check(CLI::Range(1, static_cast<int>(kHostsMax)));
        add_json(command, all.member.json);
    }
    add->add_option("NAME", all.member.name, "Its name")->required();
    add->add_option("ADDRESS", all.member.addresses, "Its address on each link, in their order")
        ->required();
    add->callback([&all] { all.member.act = "add"; });
    remove->callback([&all] { all.member.act = "remove"; });
}

void add_agent_commands(CLI::App& app, All& all) {
    CLI::App* status = app.add_subcommand("status",
                                          "Leader, hosts with verdicts, datastores, VMs\n\nExit "
                                          "code 0 when all is well, 1 when something is degraded.");
    add_config(status, all.status.config);
    status->add_flag("--watch", all.status.watch, "Again every second");
    add_json(status, all.status.json);

    CLI::App* events = app.add_subcommand("events", "What happened, as this host's agent saw it");
    add_config(events, all.events.config);
    events->add_flag("--follow", all.events.follow, "Go on with what happens next");
    events->add_option(
        "--since", all.events.since_s, "Only from this time on, in seconds since the boot");
    add_json(events, all.events.json);

    CLI::App* guard =
        app.add_subcommand("guard",
                           "May this VM be started here now?  For libvirt's qemu hook\n\n"
                           "Exit code 0: yes.  1: no, with a sentence that says why.  3: the agent "
                           "does not answer, which means no for a protected VM.");
    add_config(guard, all.guard.config);
    guard->add_option("--uuid", all.guard.uuid, "The VM's uuid")->required();
    guard->add_option("--name", all.guard.name, "Its name, for messages");
    CLI::Option* incoming = guard->add_flag(
        "--incoming",
        all.guard.incoming,
        "It does not start: a live migration brings it. A yes prints the number of its arrival");
    guard->add_option("--arrival", all.guard.arrival, "The QEMU of the arrival with this number")
        ->excludes(incoming);

    CLI::App* goodbye = app.add_subcommand(
        "goodbye",
        "Say that this host goes down: it takes no new VMs, and those that stop from now on start "
        "on other hosts at once\n\n"
        "For the shutdown of the host, before anything stops its VMs; the agent ends with the next "
        "SIGTERM, and a restart of it takes the word back.");
    add_config(goodbye, all.goodbye.config);

    CLI::App* confirm = app.add_subcommand(
        "confirm-dead",
        "Say that a silent host is dead, so that its VMs start elsewhere\n\n"
        "For a host without a hardware watchdog and without a fence device, or whose "
        "fence device fails.  Run it on the leader.\n"
        "Refused while the host shows life.  If it is not really without power, "
        "its VMs run twice and their disks are destroyed.\n"
        "Exit code 0: accepted.  1: refused, with the reason.");
    add_config(confirm, all.confirm_dead.config);
    confirm->add_option("HOST", all.confirm_dead.host, "Name or id of the host")->required();
    confirm->add_option("--i-have-seen-it-powered-off",
                        all.confirm_dead.typed,
                        "The host's name again, instead of typing it when asked");
    add_json(confirm, all.confirm_dead.json);

    CLI::App* check = app.add_subcommand("check",
                                         "Check the configuration file\n\nShows every finding at "
                                         "once, with line numbers and values that would be safe.");
    add_config(check, all.check.config);
    add_json(check, all.check.json);
}

void add_replay(CLI::App& app, ReplayOptions& options) {
    CLI::App* command = app.add_subcommand(
        "replay",
        "Step this holdfast's engine through what an agent recorded\n\n"
        "Prints what it decides and compares that with what the agent decided: exit code 0 when "
        "both "
        "are identical, 1 when they differ\n"
        "or the log cannot be replayed to its end.  The agent keeps its flight logs in "
        "/var/lib/holdfast/flight; several lives of it may\n"
        "lie there.  With --timing the same events meet other settings, side by side with what was "
        "recorded; the events themselves\n"
        "do not react to what is decided otherwise, so read on from the first difference with "
        "care.");
    command->add_option("LOG", options.logs, "Flight logs, or folders with flight logs")
        ->required();
    command->add_option(
        "--from", options.from_s, "Print only from this time on, in seconds since the boot");
    command->add_option("--to", options.to_s, "Print only up to this time");
    command->add_flag("--quiet", options.quiet, "Print no trace, only what came of the comparison");
    command->add_option("--timing",
                        options.timing,
                        "A profile (fast, standard, patient), or key=value[,key=value...] of "
                        "[timing], on top of what was recorded");
    add_json(command, options.json);
}

int dispatch(const CLI::App& app, const All& all) {
    const std::string name = app.get_subcommands().front()->get_name();
    if (const int code = dispatch_measure(app, all.measure); code >= 0) return code;
    if (name == "format") return run_format(all.format);
    if (name == "inspect") return run_inspect(all.inspect);
    if (name == "init") return run_init(all.init);
    if (name == "status") return run_status(all.status);
    if (name == "events") return run_events(all.events);
    if (name == "guard") return run_guard(all.guard);
    if (name == "goodbye") return run_goodbye(all.goodbye);
    if (name == "replay") return run_replay(all.replay);
    if (name == "confirm-dead") return run_confirm_dead(all.confirm_dead);
    if (name == "maintenance") return run_maintenance(all.maintenance);
    if (name == "datastore") return run_datastore(all.datastore);
    if (name == "member") return run_member(all.member);
    return run_check(all.check);
}

}  // namespace

int run_command_line(int count, const char* const* values) {
    CLI::App app(kAbout, "holdfast");
    app.set_version_flag("--version", "holdfast " HF_VERSION);
    app.require_subcommand(1);
    All all;
    add_format(app, all.format);
    add_inspect(app, all.inspect);
    add_init(app, all.init);
    add_agent_commands(app, all);
    add_change_commands(app, all);
    add_member_commands(app, all);
    add_replay(app, all.replay);
    add_measure_commands(app, all.measure);
    try {
        app.parse(count, values);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kYes : kUsage;
    }
    return dispatch(app, all);
}

}  // namespace holdfast::cli
