// Event files of TensorBoard: records of protobuf messages (report/tensorboard.proto) in TensorFlow's framing
// (TFRecord: length, its checksum, bytes, their checksum).
#pragma once

#include "storage/append_log.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace elbo::report {

/// Bytes as a TFRecord: checksums are CRC-32C, masked as the format has it.
std::string framed(const std::string& bytes);

/// counts[i] values lie between edges[i] and edges[i + 1].
struct Histogram {
    std::span<const double> edges;
    std::span<const double> counts;
};

/// Seconds since 1970.
double wall_time();

/// A file that grows by an event a call; trouble with the disk ends nobody's work (storage/append_log.hpp).
class EventFile {
public:
    /// Makes a new file, whose name comes behind those of all event files in the folder, as TensorBoard reads them.
    /// Readers forget what the others hold of steps from first_step on. Throws Error where it cannot be made.
    EventFile(const std::filesystem::path& folder, std::uint64_t first_step);

    void scalars(std::uint64_t step, double time, const std::vector<std::pair<std::string, double>>& values);
    /// png: the bytes of a PNG file. Throws Error where they are none.
    void image(std::uint64_t step, const std::string& tag, const std::string& png);
    /// A tag and its histogram each.
    void histograms(std::uint64_t step, const std::vector<std::pair<std::string, Histogram>>& values);
    /// Markdown.
    void text(std::uint64_t step, const std::string& tag, const std::string& markdown);
    /// What the run is called by among others in the tab HPARAMS: texts that are numbers, true or false become such.
    void hyperparameters(const std::vector<std::pair<std::string, std::string>>& values);
    void end(bool success);

    storage::AppendLog& log() { return log_; }

private:
    storage::AppendLog log_;
};

/// True where the folder holds an event file.
bool has_event_files(const std::filesystem::path& folder);

} // namespace elbo::report
