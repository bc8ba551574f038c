// A log that grows line by line.
#pragma once

#include "storage/append_log.hpp"

#include <string_view>

namespace elbo::storage {

/// An append-only text file of one writer, whose records are lines (storage/append_log.hpp). Opening throws Error where
/// that fails, and cuts a torn last line.
class LineLog {
public:
    explicit LineLog(const std::filesystem::path& path);

    /// line: without its newline (Error otherwise). Lines that wait are written first; those above 4 MiB are dropped,
    /// oldest first.
    void append(std::string_view line);
    /// Tries to write what waits; true where nothing is left.
    bool flush() { return log_.flush(); }
    /// Cuts the log to its first `bytes` bytes: what came after the checkpoint that a resume starts from. Throws Error.
    void cut(std::size_t bytes) { log_.cut_lines(bytes); }

    std::size_t bytes() const { return log_.bytes(); } ///< waiting lines included
    /// Why lines wait, one sentence; empty where none does.
    const std::string& trouble() const { return log_.trouble(); }
    std::size_t dropped() const { return log_.dropped(); } ///< lines, since opening
    AppendLog& log() { return log_; }

private:
    AppendLog log_;
};

} // namespace elbo::storage
