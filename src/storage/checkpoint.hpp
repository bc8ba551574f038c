// Checkpoint files: HDF5 built in memory (core driver), a checksum in the user block, written by write_whole().
// The user block is 512 bytes of text: "elbo checkpoint\nformat 1\nbytes N\nxxh3-128 HEX\n", then zeros; N and the
// checksum are of all that follows it.
#pragma once

#include "numerics/view.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace elbo::storage {

/// A float32 array of a checkpoint: "/parameters/encoder/dense1/weight" and where its values stand.
template <class T>
struct NamedArray {
    std::string path;
    Shape shape;
    std::span<T> values;
};

using StateValue = std::variant<std::int64_t, double, std::string>;

/// What a checkpoint holds besides arrays.
struct CheckpointText {
    std::map<std::string, StateValue> state;           ///< attributes of /state
    std::string configuration;                         ///< resolved YAML, the dataset /configuration
    std::map<std::string, std::string> about;          ///< attributes of /about
    std::map<std::string, std::vector<double>> series; ///< sums under way, the datasets /state/<name>
};

/// The file's bytes but for its checksum. Takes the memory that `image` has: from the second time on the price is
/// little more than a copy of the arrays.
void build_checkpoint(std::vector<std::byte>& image, std::span<const NamedArray<const float>> arrays,
                      const CheckpointText& text);

/// Writes length and checksum into the image's user block. Calls no HDF5, so that any thread may.
void seal_checkpoint(std::span<std::byte> image);

/// Both: the file's bytes, checksum included.
std::vector<std::byte> checkpoint_image(std::span<const NamedArray<const float>> arrays, const CheckpointText& text);

/// Reads a checkpoint back from the disk, past the page cache where the system lets go of it (what was fsynced), and
/// compares length and checksum with its header, a MiB at a time and without HDF5. Throws Error naming the file, what
/// was found and what was expected.
void verify_checkpoint(const std::filesystem::path& file);

struct ArrayInfo {
    std::string path;
    Shape shape;
};

/// A checkpoint that is read whole and verified when opened: throws InputError naming the file where it is missing,
/// no checkpoint, of an unknown format, cut short or damaged (found and expected checksum).
class CheckpointReader {
public:
    explicit CheckpointReader(const std::filesystem::path& file);
    ~CheckpointReader();
    CheckpointReader(const CheckpointReader&) = delete;
    CheckpointReader& operator=(const CheckpointReader&) = delete;

    const CheckpointText& text() const { return text_; }
    /// Parameters and the optimiser's arrays; not the series of /state.
    std::vector<ArrayInfo> arrays() const;
    /// Fills the arrays; throws InputError naming path, found and expected shape where one is missing or differs.
    void read(std::span<const NamedArray<float>> arrays) const;

    bool has(const std::string& key) const;             ///< of /state's attributes: files of older versions lack some
    std::int64_t integer(const std::string& key) const; ///< of /state; throws InputError where missing
    double number(const std::string& key) const;
    const std::string& string(const std::string& key) const;

private:
    std::filesystem::path path_;
    std::vector<std::byte> bytes_;
    std::int64_t file_ = -1; ///< HDF5 handle (hid_t)
    CheckpointText text_;
};

/// What the header and the length of a checkpoint say is wrong with it; empty where nothing is. Its contents are not
/// read.
std::string glance_at_checkpoint(const std::filesystem::path& path);

/// True where the file's user block says that it is a checkpoint.
bool is_checkpoint(const std::filesystem::path& file);

} // namespace elbo::storage
