// Files that a command is to write, looked at before the work begins: a name that cannot be written would be found out
// about after hours, and what is written takes the place of whatever stands there.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace elbo::commands {

/// What becomes of an ordinary file that is there already.
enum class Existing {
    figures,     ///< replaced, but for HDF5 files: scripts make the same figures, pictures and traces again and again
    refused,     ///< another name is asked for
    needs_force, ///< the same, or --force
    replaced     ///< as --force asks for
};

inline Existing existing(bool force) { return force ? Existing::replaced : Existing::needs_force; }

struct OutputFile {
    std::string option;         ///< as messages begin: "--json"
    std::filesystem::path file; ///< empty: not asked for
    Existing existing = Existing::figures;
};

/// Throws InputError where it cannot be written, is no ordinary file, or is not to be replaced.
void require_output(const OutputFile& output);

/// Throws InputError where the folder that it is to lie in is not there.
void require_folder(const std::string& option, const std::filesystem::path& file);

/// Throws InputError where something stands there that is neither a file nor a folder: a device, a pipe.
void require_ordinary(const std::string& option, const std::filesystem::path& file);

/// What a command writes, and what else its user names for it to read.
struct CommandFiles {
    std::vector<OutputFile> outputs = {};
    std::vector<std::string> sources = {}; ///< FILE, FILE:/dataset, or a pattern of files
    std::filesystem::path made = {};       ///< a folder that the command makes, where one of them may lie

    /// Throws InputError where require_output() does, where two are the same file, or one is a source.
    void require() const;
    /// Throws InputError where one of them is among these sources too.
    void refuse_sources(std::span<const std::string> texts) const;
    /// Throws InputError where one is a run's own: its folder, or a checkpoint in it.
    void refuse_run(const std::string& run) const;
};

} // namespace elbo::commands
