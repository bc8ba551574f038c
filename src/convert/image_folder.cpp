#include "convert/image_folder.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/posix.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;

/// A whole file's bytes. Throws InputError with the reason alone.
void read_file(const fs::path& path, std::string& bytes) {
    const storage::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) reject("cannot be opened: {}", std::strerror(errno));
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) reject("cannot be read: {}", std::strerror(errno));
    if (!S_ISREG(about.st_mode)) reject("is no regular file");
    const auto size = static_cast<std::size_t>(about.st_size);
    if (size > largest_image_file) {
        reject("has {}, more than the {} that an image may have", human_bytes(static_cast<double>(size)),
               human_bytes(static_cast<double>(largest_image_file)));
    }
    const int error = storage::read_some(file.get(), size, bytes);
    if (error != 0) reject("cannot be read: {}", std::strerror(error));
    if (bytes.size() != size) reject("has become shorter while it was read");
}

bool is_hidden(const fs::path& path) { return path.filename().native().starts_with('.'); }

/// Calls visit(entry) for what is not hidden, folder by folder, until it returns false.
template <class Visit>
void walk(const fs::path& folder, const Visit& visit) {
    std::error_code error;
    fs::recursive_directory_iterator entry(folder, error);
    if (error) reject("{}: cannot be read: {}", folder.string(), error.message());
    while (entry != fs::recursive_directory_iterator()) {
        const fs::path path = entry->path();
        if (is_hidden(path))
            entry.disable_recursion_pending();
        else if (!visit(*entry))
            return;
        entry.increment(error);
        if (error)
            reject("{}: a folder in it cannot be read: {} (after {})", folder.string(), error.message(), path.string());
    }
}

std::vector<std::string> without_slashes(std::vector<std::string> folders) {
    for (std::string& folder : folders)
        while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
    return folders;
}

class ImageFolders final : public Source {
public:
    ImageFolders(const std::vector<std::string>& folders, const ImageOptions& options);
    const std::vector<Part>& parts() const override { return items_.parts(); }
    bool divisible() const override { return true; }
    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override;

private:
    void take(std::size_t source, const fs::directory_entry& entry);
    void check_link(const fs::path& folder, const fs::path& link) const;
    void find_shape();
    std::span<const std::byte> bytes_of(std::uint32_t number);

    std::vector<fs::path> folders_;
    ImageItems items_;
    std::string bytes_; ///< of the file at hand
};

ImageFolders::ImageFolders(const std::vector<std::string>& folders, const ImageOptions& options)
    : folders_(folders.begin(), folders.end()), items_(without_slashes(folders), "/", options) {
    for (std::size_t source = 0; source < folders_.size(); ++source)
        walk(folders_[source], [&](const fs::directory_entry& entry) {
            take(source, entry);
            return true;
        });
    items_.arrange(true);
    find_shape();
    items_.finish();
}

void ImageFolders::take(std::size_t source, const fs::directory_entry& entry) {
    std::error_code error;
    const std::string& folder = folders_[source].native();
    const bool image = ImageNames::is_image(entry.path().filename().native());
    if (entry.is_symlink(error) && (image || entry.is_directory(error))) check_link(folder, entry.path());
    if (!image || entry.is_directory(error)) return;
    // Iteration gives the folder's name, letter by letter, and what follows it.
    std::string_view path = entry.path().native();
    path.remove_prefix(std::min(path.size(), folder.size()));
    while (path.starts_with('/')) path.remove_prefix(1);
    items_.add(source, path);
}

/// A link to a file of the same folder is that file once more; any other one could bring in what nobody looked at.
void ImageFolders::check_link(const fs::path& folder, const fs::path& link) const {
    std::error_code error;
    const fs::path real = fs::canonical(folder);
    const fs::path target = fs::canonical(link, error);
    if (error) reject("{}: is a link to nothing; take it away", link.string());
    if (fs::is_directory(target, error)) {
        reject("{}: is a link to the folder {}; links to folders are not followed: name that folder as the source, or "
               "copy it here",
               link.string(), target.string());
    }
    const auto [end, differs] = std::mismatch(real.begin(), real.end(), target.begin(), target.end());
    if (end != real.end()) {
        reject("{}: is a link out of {} to {}; expected files, or links within the folder", link.string(),
               folder.string(), target.string());
    }
}

std::span<const std::byte> ImageFolders::bytes_of(std::uint32_t number) {
    read_file(folders_[items_.source_of(number)] / items_.path_of(number), bytes_);
    return std::as_bytes(std::span(bytes_));
}

void ImageFolders::find_shape() {
    const std::size_t tries = std::min(items_.size(), most_tries);
    for (std::size_t tried = 0; tried < tries; ++tried) {
        const std::uint32_t number = items_.by_place(tried);
        if (items_.take_shape(number, [&] { return bytes_of(number); })) return;
    }
}

std::vector<Bad> ImageFolders::read(std::size_t part, std::size_t begin, std::size_t count,
                                    std::span<const std::span<std::byte>> rows) {
    std::vector<Bad> bad;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t item = begin + i;
        items_.put(part, item, [&] { return bytes_of(items_.number(part, item)); }, {rows, i, bad});
    }
    return bad;
}

} // namespace

bool is_image_folder(const fs::path& folder) {
    constexpr std::size_t most_looks = 10000;
    std::error_code error;
    if (!fs::is_directory(folder, error)) return false;
    bool found = false;
    std::size_t looks = 0;
    walk(folder, [&](const fs::directory_entry& entry) {
        found = ImageNames::is_image(entry.path().filename().native()) && !entry.is_directory(error);
        return !found && ++looks < most_looks;
    });
    return found;
}

std::unique_ptr<Source> open_image_folders(const std::vector<std::string>& folders, const ImageOptions& options) {
    return std::make_unique<ImageFolders>(folders, options);
}

} // namespace elbo::convert
