// Datasets in HDF5 files, read: listing them, and rows of one or of several files joined.
#include "storage/dataset.hpp"

#include "base/error.hpp"
#include "storage/rows.hpp"

#include <algorithm>
#include <list>
#include <set>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// Files of one dataset that are held open: each takes handles of the process and memory of HDF5.
constexpr std::size_t most_open = 16;
/// Files that are named one by one.
constexpr std::size_t most_named = 3;

/// "a.h5, b.h5", or the first and the last of many.
std::string names_of(const std::vector<Location>& locations) {
    const auto file = [&](std::size_t i) { return locations[i].file.string(); };
    if (locations.size() > most_named) {
        return fmt::format("{} ... {} ({} files)", file(0), file(locations.size() - 1), locations.size());
    }
    std::string names = file(0);
    for (std::size_t i = 1; i < locations.size(); ++i) names += ", " + file(i);
    return names;
}

void require_fit(const DatasetInfo& first, const DatasetInfo& other) {
    if (other.sample_shape() == first.sample_shape() && other.type == first.type) return;
    const auto sample = [](const DatasetInfo& info) {
        return fmt::format("{} {}", info.shape.size() == 1 ? "one" : describe(info.sample_shape()), name_of(info.type));
    };
    reject("{}:{}: samples of {}, but those of {}:{} are {}; files that are joined must hold samples of one shape and "
           "type",
           other.file, other.name, sample(other), first.file, first.name, sample(first));
}

/// What the headers of several datasets say of them joined.
DatasetInfo join(const std::vector<Location>& locations, const std::vector<DatasetInfo>& headers) {
    DatasetInfo info = headers.front();
    if (headers.size() == 1) return info;
    info.file = names_of(locations);
    info.stored_bytes = 0;
    std::size_t rows = 0;
    std::set<fs::path> others; // several may have rows of one
    for (const DatasetInfo& header : headers) {
        require_fit(headers.front(), header);
        rows += header.rows();
        info.stored_bytes += header.stored_bytes;
        others.insert(header.others.begin(), header.others.end());
        info.ends.push_back(rows);
    }
    info.shape.front() = rows;
    info.others.assign(others.begin(), others.end());
    info.locations = locations;
    return info;
}

} // namespace

std::vector<Examined> examine_datasets(const fs::path& path, Outside outside) {
    const Hdf5Session session;
    const OpenFile file(path, outside);
    std::vector<Examined> list;
    for (const std::string& name : file.names()) {
        Description description = file.describe(name);
        list.push_back({std::move(description.info), std::move(description.problem)});
    }
    return list;
}

std::vector<DatasetInfo> list_datasets(const fs::path& path, Outside outside) {
    std::vector<DatasetInfo> list;
    for (Examined& examined : examine_datasets(path, outside)) {
        if (examined.problem.empty()) list.push_back(std::move(examined.info));
    }
    return list;
}

std::vector<fs::path> DatasetInfo::files() const {
    std::vector<fs::path> all = others;
    if (locations.empty()) all.emplace_back(file);
    for (const Location& location : locations) all.push_back(location.file);
    return all;
}

std::string DatasetInfo::where(std::size_t row) const {
    if (ends.empty()) return fmt::format("{}:{}: row {}", file, name, row);
    const auto part = static_cast<std::size_t>(std::ranges::upper_bound(ends, row) - ends.begin());
    const Location& location = locations.at(part);
    return fmt::format("{}:{}: row {}", location.file.string(), location.dataset,
                       row - (part == 0 ? 0 : ends[part - 1]));
}

struct DatasetReader::State {
    std::vector<Location> locations;
    Outside outside;
    DatasetInfo info;
    std::vector<std::size_t> ends; ///< the row behind each file's last
    /// The files used last, by number, the latest first.
    std::list<std::pair<std::size_t, Rows>> open;

    const Rows& rows_of(std::size_t number);
};

/// A file that was closed to make room may not be what it was.
const Rows& DatasetReader::State::rows_of(std::size_t number) {
    const auto found = std::ranges::find(open, number, &std::pair<std::size_t, Rows>::first);
    if (found != open.end()) {
        open.splice(open.begin(), open, found);
        return open.front().second;
    }
    Rows rows(locations[number], outside);
    const std::size_t expected = ends[number] - (number == 0 ? 0 : ends[number - 1]);
    if (rows.info().rows() != expected || rows.info().type != info.type ||
        rows.info().sample_shape() != info.sample_shape()) {
        reject("{}:{}: now holds {}, but held {} rows when it was first read; do not change data that is in use",
               locations[number].file.string(), locations[number].dataset, describe(rows.info().shape), expected);
    }
    if (open.size() == most_open) open.pop_back();
    open.emplace_front(number, std::move(rows));
    return open.front().second;
}

DatasetReader::DatasetReader(const fs::path& file, const std::string& dataset, Outside outside)
    : DatasetReader(std::vector<Location>{{file, dataset}}, outside) {}

DatasetReader::DatasetReader(std::vector<Location> locations, Outside outside) {
    if (locations.empty()) fail("a dataset of no files");
    const Hdf5Session session;
    std::vector<DatasetInfo> headers;
    std::vector<std::size_t> ends;
    std::list<std::pair<std::size_t, Rows>> open;
    for (std::size_t i = 0; i < locations.size(); ++i) {
        Rows rows(locations[i], outside);
        headers.push_back(rows.info());
        ends.push_back((ends.empty() ? 0 : ends.back()) + rows.info().rows());
        if (i < most_open) open.emplace_back(i, std::move(rows));
    }
    DatasetInfo info = join(locations, headers);
    state_ = std::make_unique<State>(
        State{std::move(locations), outside, std::move(info), std::move(ends), std::move(open)});
}

DatasetReader::~DatasetReader() {
    if (!state_) return;
    const Hdf5Session session;
    state_.reset();
}

DatasetReader::DatasetReader(DatasetReader&&) noexcept = default;

const DatasetInfo& DatasetReader::info() const { return state_->info; }

void DatasetReader::read_rows(std::size_t begin, std::size_t count, std::span<std::byte> out) const {
    const DatasetInfo& info = state_->info;
    const std::size_t row_bytes = info.row_bytes();
    if (begin > info.rows() || count > info.rows() - begin) {
        fail("{}: {}: rows {} to {} asked for, it has {}", info.file, info.name, begin, begin + count, info.rows());
    }
    if (out.size() != count * row_bytes) {
        fail("{}: {}: {} rows of {} bytes asked for into {} bytes", info.file, info.name, count, row_bytes, out.size());
    }
    const Hdf5Session session;
    const std::vector<std::size_t>& ends = state_->ends;
    auto part = static_cast<std::size_t>(std::ranges::upper_bound(ends, begin) - ends.begin());
    for (std::size_t row = begin; row < begin + count; ++part) {
        const std::size_t first = part == 0 ? 0 : ends[part - 1];
        const std::size_t rows = std::min(begin + count, ends[part]) - row;
        state_->rows_of(part).read(row - first, rows, out.subspan((row - begin) * row_bytes, rows * row_bytes));
        row += rows;
    }
}

} // namespace elbo::storage
