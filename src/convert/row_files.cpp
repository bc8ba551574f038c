#include "convert/row_files.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace elbo::convert {

void RowFiles::add(const std::string& path, std::size_t header_bytes, std::size_t row_bytes) {
    const std::size_t size = files_.size(files_.add(path));
    const std::size_t bytes = size - std::min(header_bytes, size);
    if (bytes == 0 || bytes % row_bytes != 0) {
        reject("{}: has {} bytes, expected a multiple of the {} bytes of a row{}", path, bytes, row_bytes,
               bytes > row_bytes ? "; is it cut short?" : "");
    }
    row_bytes_ = row_bytes;
    const std::size_t rows = bytes / row_bytes;
    runs_.push_back({header_bytes, rows_, rows});
    rows_ += rows;
}

std::size_t RowFiles::run_of(std::size_t row) const {
    const auto next = std::upper_bound(runs_.begin(), runs_.end(), row,
                                       [](std::size_t wanted, const Run& run) { return wanted < run.first; });
    return static_cast<std::size_t>(next - runs_.begin()) - 1;
}

void RowFiles::read(std::size_t begin, std::span<std::byte> out) {
    while (!out.empty()) {
        const std::size_t file = run_of(begin);
        const Run& run = runs_[file];
        const std::size_t row = begin - run.first;
        const std::size_t count = std::min(out.size() / row_bytes_, run.rows - row);
        files_.read(file, run.header_bytes + row * row_bytes_, out.first(count * row_bytes_));
        out = out.subspan(count * row_bytes_);
        begin += count;
    }
}

std::string RowFiles::where(std::size_t row) const {
    const std::size_t file = run_of(row);
    return fmt::format("{}: row {}", files_.path(file).string(), row - runs_[file].first);
}

} // namespace elbo::convert
