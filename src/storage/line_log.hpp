// A log that grows line by line, and whose trouble with a full disk ends nobody's work.
#pragma once

#include "storage/posix.hpp"

#include <cstddef>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>

namespace elbo::storage {

/// An append-only text file of one writer: every line reaches the system before append() returns, or waits in memory
/// where the file cannot take it. Opening throws Error where that fails, and cuts a torn last line.
class LineLog {
public:
    explicit LineLog(const std::filesystem::path& path);
    ~LineLog(); ///< tries once more to write what waits
    LineLog(const LineLog&) = delete;
    LineLog& operator=(const LineLog&) = delete;

    /// line: without its newline (Error otherwise). Lines that wait are written first; those above 4 MiB are dropped,
    /// oldest first.
    void append(std::string_view line);
    /// Tries to write what waits; true where nothing is left.
    bool flush();
    /// Cuts the log to its first `bytes` bytes: what came after the checkpoint that a resume starts from. Throws Error.
    void cut(std::size_t bytes);

    std::size_t bytes() const { return written_ + waiting_bytes_; } ///< waiting lines included
    /// Why lines wait, one sentence; empty where none does.
    const std::string& trouble() const { return trouble_; }
    std::size_t dropped() const { return dropped_; } ///< lines, since opening

private:
    int write_waiting();
    void drop_excess();

    std::filesystem::path path_;
    Descriptor file_;
    std::size_t written_ = 0; ///< bytes of whole lines in the file
    bool torn_ = false;       ///< more stands behind them, and could not be cut off yet
    std::deque<std::string> waiting_;
    std::size_t waiting_bytes_ = 0, dropped_ = 0;
    std::string trouble_;
};

} // namespace elbo::storage
