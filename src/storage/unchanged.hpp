// Files that are read over hours must stay what they were: replaced, cut short or written over, they end what reads
// them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace elbo::storage {

class Unchanged {
public:
    /// Keeps what the system says of the files now (device, inode, size, time of change). Throws InputError where one
    /// is not there.
    explicit Unchanged(std::span<const std::filesystem::path> files);

    /// Throws InputError naming the first file that is no longer the same, and how.
    void require() const;

private:
    struct File {
        std::filesystem::path path;
        std::uint64_t device, inode, size;
        std::int64_t seconds, nanoseconds;
    };
    /// Nothing where it cannot be looked at: errno says why.
    static std::optional<File> look(const std::filesystem::path& path);

    std::vector<File> files_;
};

} // namespace elbo::storage
