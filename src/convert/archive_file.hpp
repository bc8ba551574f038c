// Archives from front to back, by libarchive: tar (plain, gzip, bzip2, xz, zstd) and zip. Nothing is unpacked to the
// disk, and what a hostile archive may cost is limited.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

struct archive;
struct archive_entry;

namespace elbo::convert {

/// Members may take so many times the archive's size unpacked, and 16 MiB besides.
constexpr std::uint64_t most_growth = 256;

class ArchiveFile {
public:
    /// Throws InputError where it cannot be opened, or is no archive.
    explicit ArchiveFile(const std::filesystem::path& path);
    ArchiveFile(ArchiveFile&&) noexcept;
    ~ArchiveFile();

    /// Goes on to the next file; false at the end. Throws InputError naming the member where it is a link, a device or
    /// encrypted, lies outside of the archive's folder ("/etc/passwd", "../x"), or where members grow too much; and
    /// where the archive is damaged.
    bool next();
    /// Of the present file, without "./" in front.
    const std::string& name() const { return name_; }
    /// Its bytes. Returns what is wrong where it is damaged, or has more than `most`; next() goes on behind it.
    std::optional<std::string> read(std::size_t most, std::string& bytes);

private:
    struct XzSource;
    struct Close {
        void operator()(struct archive* handle) const;
    };
    void open();
    void check_member();
    void count(std::uint64_t bytes);
    bool reopen_behind_member();
    [[noreturn]] void reject_damage() const;
    std::string message() const;

    std::filesystem::path path_;
    std::uint64_t packed_ = 0;     ///< bytes of the archive
    std::uint64_t unpacked_ = 0;   ///< that members claim so far
    std::uint64_t entries_ = 0;    ///< passed, folders among them
    std::unique_ptr<XzSource> xz_; ///< where the archive is an xz file
    std::unique_ptr<struct archive, Close> handle_;
    archive_entry* entry_ = nullptr;
    std::string name_;
};

/// True where a file's first bytes are those of an archive.
bool is_archive(const std::filesystem::path& path);
/// True for a file that is called like one.
bool is_named_archive(const std::filesystem::path& path);

} // namespace elbo::convert
