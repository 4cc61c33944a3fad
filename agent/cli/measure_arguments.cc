// The command line of `holdfast bench` and `holdfast tune`.
#include <CLI/CLI.hpp>

#include "agent/cli/measure_options.h"

namespace holdfast::cli {

namespace {

constexpr const char* kDatastoreHelp =
    "How heartbeat I/O behaves on this storage, from this host\n\n"
    "Each PATH is a scratch file on the storage in question (made when missing) or an empty "
    "device; whatever holds data is\n"
    "refused with what was found.  Every interval goes out what an agent sends: one slot write and "
    "one scan of all hosts'\n"
    "slots, O_DIRECT and O_DSYNC.  All PATHs are measured at once, one back-end after the "
    "other.\n\n"
    "A storage that hangs ends in a report, too: it says which operation is still out, and since "
    "when.\n\n"
    "  holdfast bench datastore /srv/nfs/hb-scratch --duration 10min --save nfs.json --svg "
    "nfs.svg\n"
    "  holdfast bench datastore /dev/mapper/scratch --backends all\n"
    "  holdfast tune nfs.json\n\n"
    "Exit code 0: measured.  1: something failed or hangs.  2: usage.";

constexpr const char* kNetHelp =
    "How beats fare between this host and others\n\n"
    "On the other hosts run `holdfast bench net --listen`; then name their addresses here.  "
    "Datagrams have a beat's size and\n"
    "form; with --key-file they are signed with the cluster's key and nobody else is answered.\n\n"
    "  h2: holdfast bench net --listen\n"
    "  h1: holdfast bench net 10.0.1.2 10.0.2.2 --duration 10min --save net.json";

constexpr const char* kTuneHelp =
    "The shortest safe timing for what was measured\n\n"
    "From files that `holdfast bench` saved, or from what the agent of this host has seen "
    "(--from-agent), or both.  Finds the\n"
    "shortest lease whose rate of false alarms stays below --false-alarms at the upper end of its "
    "90 % interval, and with it\n"
    "the whole [timing] table.  Refuses to answer from too little data and says how long to "
    "measure.  docs/TUNING.md explains\n"
    "the method and how to read the answer.\n\n"
    "  holdfast tune san.json\n"
    "  holdfast tune san.json net.json --false-alarms 1/decade --tolerate-outage 30s --svg "
    "tune.svg\n"
    "  holdfast tune --timing standard --apply\n\n"
    "Exit code 0: there is a proposal.  1: none can be given, and why.  2: usage.  3: the agent "
    "does not answer.";

void add_common(CLI::App* command, BenchOptions& options) {
    command
        ->add_option("--interval",
                     options.interval,
                     "Time between two beats; measure with the shortest you may want")
        ->capture_default_str();
    command
        ->add_option(
            "--duration",
            options.duration,
            "How long to measure, such as 60s, 10min, 24h; with several back-ends, each so long")
        ->capture_default_str();
    command->add_option(
        "--save", options.save, "Write the measurement to this file, for `holdfast tune`");
    command->add_option("--svg", options.svg, "Draw it into this file");
    command->add_flag("--json", options.json, "Print JSON (docs/JSON.md)");
}

void add_bench(CLI::App& app, MeasureOptions& options) {
    CLI::App* bench =
        app.add_subcommand("bench", "Measure what beats go through: storage and network");
    bench->require_subcommand(1);
    CLI::App* datastore = bench->add_subcommand("datastore", kDatastoreHelp);
    BenchOptions& store = options.datastore;
    datastore->add_option("PATH", store.targets, "Scratch files or empty devices")->required();
    datastore
        ->add_option("--backends", store.backends, "auto, or any of io_uring,libaio,plain, or all")
        ->capture_default_str();
    datastore->add_option("--hosts", store.hosts, "How many hosts' slots each scan reads")
        ->capture_default_str();
    datastore
        ->add_option(
            "--host",
            store.host,
            "Whose slot is written: give each host its own when several measure one PATH at once")
        ->capture_default_str();
    datastore
        ->add_option("--load",
                     store.load,
                     "Workers that write and read 64 KiB blocks on the same PATH meanwhile")
        ->capture_default_str();
    add_common(datastore, store);

    CLI::App* net = bench->add_subcommand("net", kNetHelp);
    net->add_option("PEER", options.net.targets, "Addresses of other hosts that listen");
    net->add_flag("--listen", options.net.listen, "Answer others until Ctrl-C");
    net->add_option(
        "--bind", options.net.bind, "Own address; needed where several links lead to the peer");
    net->add_option("--port", options.net.port, "UDP port of whoever listens")
        ->capture_default_str();
    net->add_option("--key-file", options.net.key_file, "The cluster's key file, on both sides");
    add_common(net, options.net);
}

void add_tune(CLI::App& app, TuneOptions& options) {
    CLI::App* tune = app.add_subcommand("tune", kTuneHelp);
    CLI::Option* files =
        tune->add_option("FILE", options.files, "What `holdfast bench ... --save` wrote");
    tune->add_flag("--from-agent",
                   options.from_agent,
                   "Also use what this host's agent has seen since its start");
    tune->add_option(
            "--config", options.config, "The configuration file, for --from-agent and --apply")
        ->capture_default_str();
    tune->add_option("--false-alarms",
                     options.false_alarms,
                     "At most so many lost leases per host: NUMBER/UNIT, with hour, day, week, "
                     "month, year, decade or century")
        ->capture_default_str();
    tune->add_option("--tolerate-outage",
                     options.tolerate_outage,
                     "An outage of the storage that must fence nobody, such as 30s");
    tune->add_option("--lease-from",
                     options.lease_from,
                     "What must carry the lease: storage alone, or any of storage and answers on "
                     "the network")
        ->check(CLI::IsMember({"storage", "any"}))
        ->capture_default_str();
    tune->add_option("--watchdog",
                     options.watchdog,
                     "The watchdog's time; default: the shortest that the device says it can do");
    tune->add_option("--interval", options.interval, "The beats' interval; default: found");
    tune->add_option(
        "--granularity",
        options.granularity,
        "How late a timer may be noticed; default: from the measurement, at least 500ms");
    tune->add_option("--landing",
                     options.landing,
                     "How long a dead host's writes may still arrive; default: from the "
                     "measurement and the kind of storage");
    tune->add_option(
        "--lease", options.lease, "Judge this lease instead of looking for the shortest");
    tune->add_option("--peer",
                     options.peer,
                     "Another host's address on the beats' network, to see whether storage shares "
                     "its interface");
    tune->add_option("--svg", options.svg, "Draw tail, interval and proposal into this file");
    CLI::Option* apply =
        tune->add_flag("--apply",
                       options.apply,
                       "Have the leader stage the proposal for the whole cluster; on the host that "
                       "leads");
    tune->add_option("--timing",
                     options.timing,
                     "With --apply: no proposal, but this profile (fast, standard, patient), or "
                     "key=value[,key=value...] of [timing] on top of what is in force")
        ->needs(apply)
        ->excludes(files);
    tune->add_flag("--json", options.json, "Print JSON (docs/JSON.md)");
}

}  // namespace

void add_measure_commands(CLI::App& app, MeasureOptions& options) {
    add_bench(app, options);
    add_tune(app, options.tune);
}

int dispatch_measure(const CLI::App& app, const MeasureOptions& options) {
    const CLI::App* command = app.get_subcommands().front();
    if (command->get_name() == "tune") return run_tune(options.tune);
    if (command->get_name() != "bench") return -1;
    const bool datastore = command->get_subcommands().front()->get_name() == "datastore";
    return datastore ? run_bench_datastore(options.datastore) : run_bench_net(options.net);
}

}  // namespace holdfast::cli
