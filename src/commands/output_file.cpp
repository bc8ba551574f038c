#include "commands/output_file.hpp"

#include "base/error.hpp"
#include "storage/dataset.hpp"
#include "storage/files.hpp"
#include "storage/posix.hpp"
#include "training/run_folder.hpp"

#include <algorithm>
#include <system_error>

namespace elbo::commands {

namespace fs = std::filesystem;

namespace {

fs::path resolved(const fs::path& path) {
    std::error_code ignored;
    return fs::weakly_canonical(fs::absolute(path, ignored), ignored);
}

/// By whatever names, and of files that are not there by where they would be.
bool is_same(const fs::path& a, const fs::path& b) {
    std::error_code ignored;
    const fs::path place = resolved(a);
    return fs::equivalent(a, b, ignored) || (!place.empty() && place == resolved(b));
}

/// /dev/stdout may lead to a file: it is the link that would be replaced.
bool is_ordinary(const fs::path& file) {
    std::error_code ignored;
    const fs::file_status status = fs::status(file, ignored);
    return resolved(storage::folder_of(file)) != "/dev" &&
           (!fs::exists(status) || fs::is_regular_file(status) || fs::is_directory(status));
}

void require_replaceable(const OutputFile& output) {
    const std::string name = output.option + " " + output.file.string();
    if (!storage::is_there(output.file) || output.existing == Existing::replaced) return;
    if (output.existing == Existing::refused) reject("{}: exists already; name another file", name);
    if (output.existing == Existing::needs_force)
        reject("{}: exists already; name another file, or replace it with --force", name);
    if (storage::is_hdf5(output.file)) reject("{}: is an HDF5 file, and would be replaced; name another file", name);
}

void require_file(const OutputFile& output) {
    std::error_code ignored;
    require_ordinary(output.option, output.file);
    if (fs::is_directory(output.file, ignored))
        reject("{} {}: is a folder, expected a file's name", output.option, output.file.string());
    require_replaceable(output);
}

/// The folder of a run that is named by it or by one of its checkpoints; empty where a file is no run's.
fs::path run_folder_of(const std::string& run) {
    std::error_code ignored;
    if (!fs::is_regular_file(run, ignored)) return run;
    const fs::path folder = resolved(run).parent_path();
    return folder.filename() == "checkpoints" ? folder.parent_path() : fs::path();
}

} // namespace

void require_folder(const std::string& option, const fs::path& file) {
    std::error_code ignored;
    const fs::path folder = storage::folder_of(file);
    if (!fs::is_directory(folder, ignored))
        reject("{} {}: there is no folder {}", option, file.string(), folder.string());
    storage::require_writable_folder(folder);
}

void require_ordinary(const std::string& option, const fs::path& file) {
    if (!is_ordinary(file)) reject("{} {}: is no ordinary file", option, file.string());
}

void require_output(const OutputFile& output) {
    if (output.file.empty()) return;
    require_folder(output.option, output.file);
    require_file(output);
}

void CommandFiles::require() const {
    for (const OutputFile& output : outputs) {
        const bool is_made = !made.empty() && is_same(storage::folder_of(output.file), made);
        if (is_made && !output.file.empty())
            require_file(output);
        else
            require_output(output);
        for (const OutputFile& other : outputs)
            if (&other != &output && !output.file.empty() && is_same(other.file, output.file))
                reject("{} {}: is the file of {} too; name another", output.option, output.file.string(), other.option);
    }
    refuse_sources(sources);
}

void CommandFiles::refuse_sources(std::span<const std::string> texts) const {
    for (const fs::path& source : storage::files_of(texts))
        for (const OutputFile& output : outputs)
            if (!output.file.empty() && is_same(output.file, source))
                reject("{} {}: is source and output at once", output.option, output.file.string());
}

void CommandFiles::refuse_run(const std::string& run) const {
    refuse_sources(std::span(&run, 1));
    const fs::path folder = run_folder_of(run);
    if (folder.empty()) return;
    const training::RunPaths paths(folder);
    const fs::path own[] = {paths.configuration(), paths.metrics(), paths.events(), paths.status(), paths.latents()};
    for (const OutputFile& output : outputs) {
        if (output.file.empty()) continue;
        const auto is_it = [&](const fs::path& file) { return is_same(output.file, file); };
        if (is_same(storage::folder_of(output.file), paths.checkpoints()) || std::ranges::any_of(own, is_it))
            reject("{} {}: is one of the run's own files; name another", output.option, output.file.string());
    }
}

} // namespace elbo::commands
