// House rules that a machine can check.  Each test names file and line of what breaks its rule, and what to do instead.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace fs = std::filesystem;

namespace {

struct SourceFile {
    std::string path;  // relative to the root, with slashes
    std::vector<std::string> lines;
};

const fs::path& root() {
    static const fs::path kRoot = HF_SOURCE_DIR;
    return kRoot;
}

bool is_skipped_folder(const fs::path& path) {
    const std::string name = path.filename().string();
    return name == "build" || name == "__pycache__" || (name.starts_with('.') && name != ".ci");
}

SourceFile read_file(const fs::path& path) {
    SourceFile file{fs::relative(path, root()).generic_string(), {}};
    std::ifstream stream(path);
    for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
    return file;
}

const std::vector<SourceFile>& all_files() {
    static const std::vector<SourceFile> kFiles = [] {
        std::vector<SourceFile> found;
        for (auto it = fs::recursive_directory_iterator(root()); it != fs::end(it); ++it) {
            if (it->is_directory() && is_skipped_folder(it->path())) it.disable_recursion_pending();
            // In a linked work tree .git is a file, and names the one it belongs to.
            const bool is_source = it->is_regular_file() && it->path().filename() != ".git";
            if (is_source && it->file_size() < 1'000'000) {
                found.push_back(read_file(it->path()));
            }
        }
        std::sort(found.begin(), found.end(), [](const SourceFile& a, const SourceFile& b) {
            return a.path < b.path;
        });
        return found;
    }();
    return kFiles;
}

bool is_cpp(const SourceFile& file) {
    return file.path.ends_with(".h") || file.path.ends_with(".cc");
}

bool is_below(const SourceFile& file, std::string_view folder) {
    return file.path.starts_with(std::string(folder) + "/");
}

// The line without its comment and without what stands in quotes, so that prose is never taken for code.
// Raw strings and block comments are not understood; what this is applied to uses neither.
std::string code_of(const std::string& line) {
    std::string code;
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote != 0) {
            if (c == '\\') ++i;
            if (c == quote) quote = 0;
            continue;
        }
        if (c == '/' && i + 1 < line.size() && line[i + 1] == '/') break;
        const bool digit_separator =
            c == '\'' && i > 0 && std::isalnum(static_cast<unsigned char>(line[i - 1])) != 0;
        if ((c == '"' || c == '\'') && !digit_separator) {
            quote = c;
            continue;
        }
        code += c;
    }
    return code;
}

std::string at(const SourceFile& file, std::size_t index) {
    return file.path + ":" + std::to_string(index + 1) + ": ";
}

using FilePredicate = std::function<bool(const SourceFile&)>;

// Every line of the chosen files whose code matches is reported with the advice.
void expect_no_code(const FilePredicate& chosen,
                    const std::regex& pattern,
                    std::string_view advice) {
    for (const SourceFile& file : all_files()) {
        if (!is_cpp(file) || !chosen(file)) continue;
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            if (std::regex_search(code_of(file.lines[i]), pattern)) {
                ADD_FAILURE() << at(file, i) << advice << "\n  " << file.lines[i];
            }
        }
    }
}

struct Layer {
    std::string_view folder;
    std::vector<std::string_view> may_include;
};

const std::vector<Layer>& layers() {
    static const std::vector<Layer> kLayers = {
        {"engine", {"engine/"}},
        {"storage", {"storage/", "engine/"}},
        {"net", {"net/", "engine/"}},
        {"agent", {"agent/", "storage/", "net/", "engine/"}},
    };
    return kLayers;
}

bool is_allowed(const Layer& layer, std::string_view include) {
    return std::any_of(layer.may_include.begin(), layer.may_include.end(), [&](std::string_view p) {
        return include.starts_with(p);
    });
}

// Files that were longer than the limit when the rule came.  A number may only shrink; 0 entries is the aim.
const std::map<std::string, std::size_t>& long_files() {
    static const std::map<std::string, std::size_t> kFiles = {};
    return kFiles;
}

constexpr std::size_t kLinesMax = 400;

}  // namespace

TEST(Tidy, IncludesPointDownwards) {
    constexpr std::string_view kPrefix = "#include \"";
    for (const Layer& layer : layers()) {
        for (const SourceFile& file : all_files()) {
            if (!is_cpp(file) || !is_below(file, layer.folder)) continue;
            for (std::size_t i = 0; i < file.lines.size(); ++i) {
                const std::string& line = file.lines[i];
                if (!line.starts_with(kPrefix)) continue;
                EXPECT_TRUE(is_allowed(layer, std::string_view(line).substr(kPrefix.size())))
                    << at(file, i) << layer.folder << " may not include " << line;
            }
        }
    }
}

TEST(Tidy, EngineIncludesOnlyPureHeaders) {
    // Whatever ends in .h is the operating system's; of std, what has a clock, a thread, randomness or I/O is out.
    const std::regex include(R"(^#include <([^>]+)>)");
    const std::regex banned(
        "^(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|"
        "iostream|fstream|ostream|istream|sstream|filesystem|random|ctime|csignal|coroutine)$");
    for (const SourceFile& file : all_files()) {
        if (!is_cpp(file) || !is_below(file, "engine")) continue;
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            std::smatch match;
            if (!std::regex_search(file.lines[i], match, include)) continue;
            const std::string name = match[1];
            const bool boost = name.starts_with("boost/");
            const bool boost_allowed =
                name.starts_with("boost/lockfree/") || name == "boost/throw_exception.hpp";
            EXPECT_TRUE(!boost || boost_allowed)
                << at(file, i) << "of Boost only Lockfree: " << name;
            EXPECT_TRUE(boost || (!name.ends_with(".h") && !std::regex_match(name, banned)))
                << at(file, i) << "the engine has no clock, thread or I/O: " << name;
        }
    }
}

TEST(Tidy, EngineReadsNoClockAndAllocatesNothing) {
    const FilePredicate in_engine = [](const SourceFile& f) { return is_below(f, "engine"); };
    expect_no_code(
        in_engine,
        std::regex(
            R"(::now\s*\(|\bgettimeofday\b|\bclock_gettime\b|\btime\s*\(\s*(nullptr|0|NULL)\s*\))"),
        "time comes inside events");
    expect_no_code(in_engine,
                   std::regex(R"(\bnew\s+[A-Za-z(:]|\b(malloc|calloc|realloc|free)\s*\()"),
                   "the engine owns fixed storage; what must be on the heap is a container filled "
                   "in a constructor");
    expect_no_code(in_engine,
                   std::regex(R"(\b(throw|try|catch|dynamic_cast|typeid)\b)"),
                   "engine is built without exceptions and RTTI");
    expect_no_code(in_engine,
                   std::regex(R"(\bthread_local\b|\bstd::(cout|cerr|clog)\b|\bprintf\s*\()"),
                   "the engine speaks through actions and trace only");
}

TEST(Tidy, FilesStaySmall) {
    for (const SourceFile& file : all_files()) {
        if (!is_cpp(file) || is_below(file, "tests")) continue;
        const auto known = long_files().find(file.path);
        const std::size_t allowed = known == long_files().end() ? kLinesMax : known->second;
        EXPECT_LE(file.lines.size(), allowed)
            << file.path << ": " << file.lines.size()
            << " lines; look for the noun that wants its own file";
        if (known != long_files().end()) {
            EXPECT_EQ(file.lines.size(), allowed)
                << file.path << " shrank: lower its number in long_files(), or take it out at "
                << kLinesMax;
        }
    }
    for (const auto& [path, lines] : long_files()) {
        EXPECT_TRUE(fs::exists(root() / path)) << path << " is gone: take it out of long_files()";
        EXPECT_GT(lines, kLinesMax) << path << " is short enough: take it out of long_files()";
    }
}

TEST(Tidy, HeadersHaveTheirGuard) {
    for (const SourceFile& file : all_files()) {
        if (!file.path.ends_with(".h")) continue;
        EXPECT_EQ(std::count(file.lines.begin(), file.lines.end(), "#pragma once"), 1)
            << file.path << ": exactly one #pragma once";
    }
}

TEST(Tidy, NoLeftovers) {
    const std::regex marker(
        "\\b(TO"
        "DO|FIX"
        "ME|XX"
        "X|HA"
        "CK)\\b");
    const std::regex with_issue(
        "\\b(TO"
        "DO|FIX"
        "ME)\\(#[0-9]+\\)");
    const std::regex switched_off(R"(^\s*#\s*if\s+(0|false)\b)");
    // A comment that ends like a statement.  Prose that names a call ends in a full stop instead; an example of
    // use is indented by four spaces or more.
    const std::regex code_in_comment(
        R"(^\s*//\s{0,3}(?!\s)((if|for|while|switch)\s*\(.*\)\s*\{?|return\b.*;|#include\b.*|[\w:<>.\->*& ]+\(.*\);|[\w:<>.\->*&\[\] ]+ [-+|&]?= .*;)\s*$)");
    for (const SourceFile& file : all_files()) {
        if (!is_cpp(file)) continue;
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            const std::string& line = file.lines[i];
            EXPECT_FALSE(std::regex_search(line, marker) && !std::regex_search(line, with_issue))
                << at(file, i)
                << "a marker needs the number of its issue, as in TO"
                   "DO(#12)";
            EXPECT_FALSE(std::regex_search(line, switched_off))
                << at(file, i) << "delete it, git remembers";
            EXPECT_FALSE(std::regex_search(line, code_in_comment))
                << at(file, i) << "commented-out code: delete it, git remembers\n  " << line;
        }
    }
}

TEST(Tidy, MarkdownFilesHaveOneTitle) {
    for (const SourceFile& file : all_files()) {
        if (!file.path.ends_with(".md")) continue;
        bool fenced = false;
        int titles = 0;
        for (const std::string& line : file.lines) {
            if (line.starts_with("```")) fenced = !fenced;
            if (!fenced && line.starts_with("# ")) ++titles;
        }
        EXPECT_EQ(titles, 1) << file.path << ": exactly one line starts with '# '";
        EXPECT_FALSE(fenced) << file.path << ": a ``` block is not closed";
    }
}

TEST(Tidy, DocumentsNameRealFiles) {
    // ARCHITECTURE.md, README.md and CONTRIBUTING.md are the way in: a name there that leads nowhere costs a newcomer's trust.
    const std::regex name(
        R"re(`((engine|storage|net|agent|bench|tests|docs|scripts|cmake)/[A-Za-z0-9_/.-]*)`|\]\(([A-Za-z0-9_/.-]+)\))re");
    for (const SourceFile& file : all_files()) {
        const bool way_in = file.path == "ARCHITECTURE.md" || file.path == "README.md" ||
                            file.path == "CONTRIBUTING.md";
        if (!way_in) continue;
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            const std::string& line = file.lines[i];
            for (std::sregex_iterator it(line.begin(), line.end(), name), end; it != end; ++it) {
                const std::string path = (*it)[1].matched ? (*it)[1].str() : (*it)[3].str();
                EXPECT_TRUE(fs::exists(root() / path)) << at(file, i) << "no such file: " << path;
            }
        }
    }
}

TEST(Tidy, ScenariosBeginWithTheirIntent) {
    for (const SourceFile& file : all_files()) {
        if (!file.path.ends_with(".scn")) continue;
        ASSERT_GE(file.lines.size(), 2U) << file.path;
        for (std::size_t i = 0; i < 2; ++i) {
            EXPECT_TRUE(file.lines[i].starts_with("# ") && file.lines[i].size() > 10)
                << at(file, i)
                << "the first two lines are comments: what happens, and what must hold";
        }
    }
}

TEST(Tidy, NothingNamesTheMachineItWasWrittenOn) {
    const std::array<std::string, 2> banned = {std::string("/wo") + "rk/",
                                               std::string("/home") + "/"};
    for (const SourceFile& file : all_files()) {
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            for (const std::string& path : banned) {
                const std::size_t where = file.lines[i].find(path);
                if (where == std::string::npos) continue;
                const bool inside_longer_path =
                    where > 0 &&
                    (std::isalnum(static_cast<unsigned char>(file.lines[i][where - 1])) != 0 ||
                     std::string_view("._-}").find(file.lines[i][where - 1]) !=
                         std::string_view::npos);
                EXPECT_TRUE(inside_longer_path) << at(file, i) << "a path of one machine";
            }
        }
    }
}
