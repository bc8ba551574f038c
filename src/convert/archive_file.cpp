#include "convert/archive_file.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "convert/xz_file.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <exception>
#include <span>
#include <string_view>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t free_growth = 16 << 20;
constexpr std::size_t longest_name = 4096, block = 1 << 17;

using Support = int (*)(archive*);
constexpr std::array<Support, 6> readable = {
    archive_read_support_format_tar,   archive_read_support_format_zip_seekable, archive_read_support_filter_gzip,
    archive_read_support_filter_bzip2, archive_read_support_filter_zstd,         archive_read_support_filter_none,
};

/// A UTF-8 locale for this thread while it lives: libarchive has no names beyond ASCII for archives that say which
/// alphabet theirs are in, unless the locale knows them.
class Utf8Locale {
public:
    Utf8Locale() : before_(::uselocale(utf8())) {}
    ~Utf8Locale() { ::uselocale(before_); }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

private:
    /// None where the system has no such locale: the present one then stays.
    static locale_t utf8() {
        static const locale_t own = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        return own;
    }
    locale_t before_;
};

/// The name that an entry has in the archive, as bytes; empty where libarchive cannot tell it.
std::string stored_name(archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) name = archive_entry_pathname_utf8(entry);
    return name == nullptr ? "" : name;
}

bool leads_out(std::string_view path) {
    if (path.starts_with('/')) return true;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        if (path.substr(0, slash) == "..") return true;
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return false;
}

std::string_view kind_of(archive_entry* entry) {
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_hardlink_utf8(entry) != nullptr) return "a hard link";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
        return "";
    case AE_IFLNK:
        return "a symbolic link";
    case AE_IFCHR:
    case AE_IFBLK:
        return "a device";
    default:
        return "a pipe or socket";
    }
}

} // namespace

/// Gives libarchive the unpacked bytes of an xz file.
struct ArchiveFile::XzSource {
    XzFile file;
    std::exception_ptr refusal; ///< what the file was refused with: nothing may be thrown through libarchive

    explicit XzSource(const fs::path& path) : file(path) {}

    static la_ssize_t read(struct archive* handle, void* source, const void** bytes) {
        auto& self = *static_cast<XzSource*>(source);
        try {
            const std::span<const std::byte> unpacked = self.file.next();
            *bytes = unpacked.data();
            return static_cast<la_ssize_t>(unpacked.size());
        } catch (...) {
            self.refusal = std::current_exception();
            archive_set_error(handle, EIO, "its xz stream cannot be unpacked");
            return -1;
        }
    }
};

ArchiveFile::ArchiveFile(ArchiveFile&&) noexcept = default;
ArchiveFile::~ArchiveFile() = default;

void ArchiveFile::Close::operator()(struct archive* handle) const { archive_read_free(handle); }

ArchiveFile::ArchiveFile(const fs::path& path) : path_(path) {
    if (!fs::is_regular_file(path)) reject("{}: is no regular file, expected an archive", path.string());
    packed_ = fs::file_size(path);
    open();
}

void ArchiveFile::open() {
    const Utf8Locale names;
    handle_.reset(archive_read_new());
    if (!handle_) fail("no memory to read an archive");
    for (const Support support : readable) {
        // A warning means that some program of the system would unpack it: what libarchive cannot, is not read.
        if (support(handle_.get()) < ARCHIVE_WARN) fail("libarchive: {}", message());
    }
    int result = ARCHIVE_OK;
    if (is_xz(path_)) {
        xz_ = std::make_unique<XzSource>(path_);
        result = archive_read_open(handle_.get(), xz_.get(), nullptr, XzSource::read, nullptr);
    } else {
        result = archive_read_open_filename(handle_.get(), path_.c_str(), block);
    }
    if (result != ARCHIVE_OK) reject_damage();
}

void ArchiveFile::reject_damage() const {
    if (xz_ && xz_->refusal) std::rethrow_exception(xz_->refusal);
    reject("{}: cannot be read as an archive{}: {}; is it damaged or cut short?", path_.string(),
           name_.empty() ? "" : " beyond " + name_, message());
}

std::string ArchiveFile::message() const {
    const char* text = archive_error_string(handle_.get());
    return text == nullptr ? "unknown error" : text;
}

/// Adds to what members take unpacked.
void ArchiveFile::count(std::uint64_t bytes) {
    const std::uint64_t most = free_growth + most_growth * packed_;
    if (bytes > most || (unpacked_ += bytes) > most) {
        reject("{}: its members take more than {} unpacked (up to {}), expected at most {} times its {} and {}",
               path_.string(), human_bytes(static_cast<double>(most)), name_, most_growth,
               human_bytes(static_cast<double>(packed_)), human_bytes(static_cast<double>(free_growth)));
    }
}

void ArchiveFile::check_member() {
    if (name_.empty() || name_.size() > longest_name) {
        reject("{}: a member's name has {} characters, expected 1 to {}", path_.string(), name_.size(), longest_name);
    }
    if (leads_out(name_)) {
        reject("{}: the member {} lies outside of the archive's own folder; expected relative paths without ..",
               path_.string(), name_);
    }
    if (const std::string_view kind = kind_of(entry_); !kind.empty()) {
        reject("{}: the member {} is {}, expected files and folders alone", path_.string(), name_, kind);
    }
    if (archive_entry_is_encrypted(entry_) != 0) {
        reject("{}: the member {} is encrypted; unpack it with its password", path_.string(), name_);
    }
    if (archive_entry_size_is_set(entry_) != 0) {
        const std::int64_t size = archive_entry_size(entry_);
        if (size < 0) reject("{}: the member {} claims {} bytes", path_.string(), name_, size);
        count(static_cast<std::uint64_t>(size));
    }
}

bool ArchiveFile::next() {
    const Utf8Locale names;
    while (true) {
        const int result = archive_read_next_header(handle_.get(), &entry_);
        if (result == ARCHIVE_EOF) return false;
        if (result < ARCHIVE_WARN) reject_damage();
        ++entries_;
        name_ = stored_name(entry_);
        while (name_.starts_with("./")) name_.erase(0, 2);
        const bool folder = archive_entry_filetype(entry_) == AE_IFDIR;
        if (folder && (name_.empty() || name_ == ".")) continue;
        check_member();
        if (!folder) return true;
    }
}

/// After damage that libarchive goes no further than: the members of a zip can be found all the same.
bool ArchiveFile::reopen_behind_member() {
    if ((archive_format(handle_.get()) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_ZIP) return false;
    open();
    for (std::uint64_t i = 0; i < entries_; ++i)
        if (archive_read_next_header(handle_.get(), &entry_) < ARCHIVE_WARN) return false;
    return true;
}

std::optional<std::string> ArchiveFile::read(std::size_t most, std::string& bytes) {
    const bool known = archive_entry_size_is_set(entry_) != 0;
    const auto claimed = known ? static_cast<std::uint64_t>(archive_entry_size(entry_)) : 0;
    const auto too_large = [&] {
        return fmt::format("has more than the {} that an image may have", human_bytes(static_cast<double>(most)));
    };
    if (claimed > most) return too_large();
    bytes.clear();
    while (true) {
        const std::size_t taken = bytes.size();
        if (taken > most) return too_large();
        bytes.resize(taken == 0 && known ? static_cast<std::size_t>(claimed) + 1 : taken + block);
        const la_ssize_t got = archive_read_data(handle_.get(), bytes.data() + taken, bytes.size() - taken);
        bytes.resize(taken + static_cast<std::size_t>(std::max<la_ssize_t>(got, 0)));
        if (got == 0) break;
        if (got >= 0) continue;
        const std::string damage = fmt::format("is damaged ({})", message());
        if (got == ARCHIVE_FATAL && !reopen_behind_member()) reject_damage();
        return damage;
    }
    if (bytes.size() > claimed) count(bytes.size() - claimed); // what the header did not say
    return std::nullopt;
}

bool is_archive(const fs::path& path) {
    try {
        return ArchiveFile(path).next();
    } catch (const InputError&) {
        return false;
    }
}

bool is_named_archive(const fs::path& path) {
    constexpr std::array<std::string_view, 12> endings = {".tar",  ".tar.gz", ".tgz", ".tar.bz2",
                                                          ".tbz2", ".tar.xz", ".txz", ".tar.zst",
                                                          ".tzst", ".zip",    ".tbz", ".tar.zstd"};
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return false;
    const std::string name = path.filename().string();
    return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

} // namespace elbo::convert
