// A file that grows by whole records, and whose trouble with a full disk ends nobody's work.
#pragma once

#include "storage/posix.hpp"

#include <cstddef>
#include <deque>
#include <filesystem>
#include <string>

namespace elbo::storage {

/// An append-only file of one writer: every record reaches the system before append() returns, or waits in memory where
/// the file cannot take it. Opening throws Error where that fails.
class AppendLog {
public:
    explicit AppendLog(const std::filesystem::path& path);
    ~AppendLog(); ///< tries once more to write what waits
    AppendLog(const AppendLog&) = delete;
    AppendLog& operator=(const AppendLog&) = delete;

    /// Records that wait are written first; those above 4 MiB are dropped, oldest first.
    void append(std::string record);
    /// Tries to write what waits; true where nothing is left.
    bool flush();
    /// What waits is never written: the file is another's by now.
    void forget() {
        waiting_.clear();
        waiting_bytes_ = 0;
    }
    /// Cuts the file to the part of its first `bytes` bytes that ends with a whole line. Throws Error.
    void cut_lines(std::size_t bytes);

    std::size_t bytes() const { return written_ + waiting_bytes_; } ///< waiting records included
    /// Why records wait, one sentence; empty where none does.
    const std::string& trouble() const { return trouble_; }
    std::size_t dropped() const { return dropped_; } ///< records, since opening
    const std::filesystem::path& path() const { return path_; }

private:
    int write_waiting();
    void drop_excess();

    std::filesystem::path path_;
    Descriptor file_;
    std::size_t written_ = 0; ///< bytes of whole records in the file
    bool torn_ = false;       ///< more stands behind them, and could not be cut off yet
    std::deque<std::string> waiting_;
    std::size_t waiting_bytes_ = 0, dropped_ = 0;
    std::string trouble_;
};

} // namespace elbo::storage
