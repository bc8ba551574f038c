#include "commands/output_file.hpp"

#include "base/error.hpp"

namespace elbo::commands {

namespace fs = std::filesystem;

void require_folder(const std::string& option, const fs::path& file) {
    const fs::path folder = file.parent_path();
    if (!folder.empty() && !fs::is_directory(folder))
        reject("{} {}: there is no folder {}", option, file.string(), folder.string());
}

void require_new_file(const std::string& option, const fs::path& file, bool replace) {
    require_folder(option, file);
    if (fs::is_directory(file)) reject("{} {}: is a folder, expected a file's name", option, file.string());
    if (fs::exists(file) && !replace)
        reject("{} {}: exists already; name another file, or replace it with --force", option, file.string());
}

} // namespace elbo::commands
