#include "convert/open_files.hpp"

#include "base/error.hpp"

namespace elbo::convert {

namespace {

constexpr std::size_t most_open = 32;

} // namespace

std::size_t OpenFiles::add(const std::filesystem::path& path) {
    storage::InputFile opened(path);
    files_.push_back({path, opened.size(), nullptr});
    keep_open(files_.size() - 1, std::move(opened));
    return files_.size() - 1;
}

void OpenFiles::read(std::size_t file, std::size_t offset, std::span<std::byte> bytes) {
    File& wanted = files_[file];
    if (!wanted.opened) {
        storage::InputFile opened(wanted.path);
        if (opened.size() != wanted.size) {
            reject("{}: has {} bytes, it had {} when it was looked at before; is it still being written?",
                   wanted.path.string(), opened.size(), wanted.size);
        }
        keep_open(file, std::move(opened));
    }
    wanted.opened->read(offset, bytes);
}

void OpenFiles::keep_open(std::size_t file, storage::InputFile opened) {
    if (open_.size() == most_open) {
        files_[open_.front()].opened.reset();
        open_.erase(open_.begin());
    }
    files_[file].opened = std::make_unique<storage::InputFile>(std::move(opened));
    open_.push_back(file);
}

} // namespace elbo::convert
