// Files that a command is to write, looked at before the work begins.
#pragma once

#include <filesystem>
#include <string>

namespace elbo::commands {

/// An output in a folder that is not there would be found out about after hours. Throws InputError that begins with the
/// option's name.
void require_folder(const std::string& option, const std::filesystem::path& file);

/// The same, and where something of that name exists, unless it is a file that may be replaced.
void require_new_file(const std::string& option, const std::filesystem::path& file, bool replace);

} // namespace elbo::commands
