// Reading files and folders that change, fail or go away under the reader, as those of /proc do when a process ends.  Streams read
// through their buffers and loops over a directory_iterator throw there, and an exception ends the agent: these do not.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace holdfast {

// The whole of a file.  Nothing when it cannot be opened or read to its end; errno says why.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path);

// What is left to read of an open descriptor, which stays open.  Nothing as above.
[[nodiscard]] std::optional<std::string> read_to_end(int descriptor);

// The names in a folder, without "." and "..", in no order.  Nothing when it cannot be opened or read to its end; errno says why.
[[nodiscard]] std::optional<std::vector<std::string>> names_in(const std::string& folder);

}  // namespace holdfast
