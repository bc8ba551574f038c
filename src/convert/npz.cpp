// NumPy's .npz: a zip archive (read by libarchive) whose members are .npy arrays.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "convert/gzip_file.hpp"
#include "convert/npy.hpp"
#include "storage/spool.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_members = 4096;

struct CloseArchive {
    void operator()(archive* handle) const { archive_read_free(handle); }
};

/// A zip archive, from its first member to its last.
class ZipFile {
public:
    explicit ZipFile(std::string path) : path_(std::move(path)), archive_(archive_read_new()) {
        if (!archive_) throw std::bad_alloc();
        archive_read_support_format_zip(archive_.get());
        if (archive_read_open_filename(archive_.get(), path_.c_str(), 1 << 16) != ARCHIVE_OK)
            reject("{}: is no zip archive: {}", path_, message());
    }

    /// Goes to the next member; false behind the last one.
    bool next() {
        archive_entry* entry = nullptr;
        const int status = archive_read_next_header(archive_.get(), &entry);
        if (status == ARCHIVE_EOF) return false;
        if (status < ARCHIVE_WARN) reject("{}: the archive is damaged: {}", path_, message());
        const char* name = archive_entry_pathname(entry);
        member_ = name != nullptr ? name : "";
        return true;
    }

    const std::string& member() const { return member_; }
    std::string where() const { return path_ + ": " + member_; }

    /// The next bytes of the member; fewer only at its end, where its checksum has been compared.
    std::size_t read(std::span<std::byte> out) {
        std::size_t taken = 0;
        while (taken < out.size()) {
            const la_ssize_t got = archive_read_data(archive_.get(), out.data() + taken, out.size() - taken);
            if (got < 0) reject("{}: is damaged: {}", where(), message());
            if (got == 0) break;
            taken += static_cast<std::size_t>(got);
        }
        return taken;
    }

private:
    std::string message() const {
        const char* text = archive_error_string(archive_.get());
        return text != nullptr ? text : "libarchive gave no reason";
    }

    std::string path_, member_;
    std::unique_ptr<archive, CloseArchive> archive_;
};

/// A member, from its first row to its last.
class MemberArray : public Array {
public:
    MemberArray(const std::string& name, const NpyHeader& header, std::unique_ptr<ZipFile> zip)
        : Array(name, header.shape, header.type),
          header_(header),
          zip_(std::move(zip)),
          rest_(npy_array(name, header, [this](std::size_t offset, std::span<std::byte> out) { next(offset, out); })) {}

    bool divisible() const override { return false; }
    void read(std::size_t begin, std::span<std::byte> rows) override { rest_->read(begin, rows); }

private:
    void next(std::size_t offset, std::span<std::byte> out) {
        const std::size_t got = zip_->read(out), total = header_.data_bytes();
        std::byte extra{};
        if (got != out.size()) {
            reject("{}: holds {} bytes of elements, expected {} for {}; is it cut short?", name(), offset + got, total,
                   describe(header_.shape));
        }
        if (offset + got == total && zip_->read(std::span(&extra, 1)) != 0)
            reject("{}: more bytes follow the {} elements that its header promises", name(), describe(header_.shape));
    }

    NpyHeader header_;
    std::unique_ptr<ZipFile> zip_;
    std::unique_ptr<Array> rest_; ///< decodes what next() reads
};

/// The columns of an array in Fortran order lie everywhere in it: unpacked to a temporary file, they can be read.
std::unique_ptr<Array> unpacked(const std::string& name, const NpyHeader& header, ZipFile& zip,
                                const fs::path& folder) {
    const auto spool = std::make_shared<storage::Spool>(folder);
    std::vector<std::byte> block(1 << 20);
    const std::size_t total = header.data_bytes();
    for (std::size_t done = 0; done < total; done += block.size()) {
        block.resize(std::min(block.size(), total - done));
        if (zip.read(block) != block.size()) reject("{}: is cut short, expected {} bytes of elements", name, total);
        spool->write(done, block);
    }
    std::byte extra{};
    if (zip.read(std::span(&extra, 1)) != 0)
        reject("{}: more bytes follow the {} elements that its header promises", name, describe(header.shape));
    return npy_array(name, header, [spool](std::size_t offset, std::span<std::byte> out) { spool->read(offset, out); });
}

/// "x" of "x.npy".
std::string array_of(const std::string& member) {
    return member.ends_with(".npy") ? member.substr(0, member.size() - 4) : member;
}

/// Names of the members that are arrays.
std::vector<std::string> members_of(const std::string& path) {
    std::vector<std::string> members;
    for (ZipFile zip(path); zip.next();) {
        if (members.size() == most_members) reject("{}: holds more than {} members", path, most_members);
        if (zip.member().ends_with(".npy")) members.push_back(zip.member());
    }
    if (members.empty()) reject("{}: holds no .npy array", path);
    return members;
}

std::string chosen_member(const std::string& path, std::vector<std::string> members, const std::string& choice) {
    for (const std::string& member : members)
        if (array_of(member) == choice) return member;
    for (std::string& member : members) member = array_of(member);
    reject("{}: holds no array {}; it has {}", path, choice, fmt::join(members, ", "));
}

std::unique_ptr<Array> open_member(const std::string& path, const std::string& member, const fs::path& folder) {
    auto zip = std::make_unique<ZipFile>(path);
    while (zip->next() && zip->member() != member) continue;
    const std::string name = zip->where();
    const NpyHeader header = read_npy_header(name, [&](std::span<std::byte> out) { return zip->read(out); });
    if (GzipFile::cannot_hold(fs::file_size(path), header.data_bytes())) {
        reject("{}: its header claims {} elements, more than an archive of {} bytes can hold", name,
               describe(header.shape), fs::file_size(path));
    }
    if (header.fortran && header.shape.size() > 1) return unpacked(name, header, *zip, folder);
    return std::make_unique<MemberArray>(name, header, std::move(zip));
}

std::unique_ptr<Source> open_npz(const Request& request) {
    const fs::path folder = scratch_folder(request);
    std::vector<ArraySource::Named> arrays;
    for (const std::string& source : request.sources) {
        const auto [path, choice] = file_and_choice(source);
        if (!fs::is_regular_file(path)) reject("{}: no such file", path);
        std::vector<std::string> members = members_of(path);
        if (!choice.empty()) members = {chosen_member(path, members, choice)};
        for (const std::string& member : members)
            arrays.push_back({array_name(array_of(member)), open_member(path, member, folder)});
    }
    return std::make_unique<ArraySource>(std::move(arrays));
}

/// By the first member of a zip.
bool recognises_npz(const std::string& source) {
    const std::string path = file_and_choice(source).first;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) return false;
    try {
        ZipFile zip(path);
        return zip.next() && zip.member().ends_with(".npy");
    } catch (const InputError&) {
        return false;
    }
}

bool claims_npz(const std::string& source) {
    const std::string path = file_and_choice(source).first;
    std::error_code ignored;
    return fs::is_regular_file(path, ignored) && fs::path(path).extension() == ".npz";
}

} // namespace

Format npz_format() {
    return {"npz", "NumPy's .npz, or one array of it: FILE.npz:x", recognises_npz, open_npz, {}, claims_npz};
}

} // namespace elbo::convert
