// What `elbo inspect` says of datasets: the tree of a file, each dataset's layout and what it means for training, its
// values on request; of several files whether they are one dataset.
#include "commands/inspect_dataset.hpp"

#include "base/text.hpp"
#include "commands/survey.hpp"
#include "data/dataset.hpp"
#include "data/labels.hpp"
#include "storage/layout.hpp"
#include "storage/tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace elbo::commands {
namespace {

namespace fs = std::filesystem;
using storage::DatasetInfo;

/// Datasets up to this size are gone through unasked: it takes a second.
constexpr std::size_t small_bytes = 128 << 20;
/// Datasets of a file that are described one by one; of others the tree alone.
constexpr std::size_t most_described = 20;
constexpr std::size_t most_listed = 200; ///< entries of the tree, and files
constexpr std::size_t longest_attribute = 50;
/// Where texts begin behind a line's first word.
constexpr std::size_t indent = 11;

std::string bytes_text(std::size_t bytes) { return human_bytes(static_cast<double>(bytes)); }

/// "  word     text", broken between words.
void print_line(std::string_view word, std::string_view text) {
    const std::string lines = wrapped(text, indent);
    fmt::print("  {:<{}}{}\n", word, indent - 2, std::string_view(lines).substr(indent));
}

storage::Outside outside_of(const InspectOptions& options) {
    return options.allow_external ? storage::Outside::allowed : storage::Outside::refused;
}

std::string shortened(const std::string& text) {
    std::string line = text.substr(0, text.find('\n'));
    if (line.size() > longest_attribute || line.size() < text.size()) line = line.substr(0, longest_attribute) + "...";
    return line;
}

void print_tree(const std::vector<storage::TreeEntry>& entries) {
    fmt::print("\n");
    for (std::size_t i = 0; i < entries.size() && i < most_listed; ++i) {
        const storage::TreeEntry& entry = entries[i];
        const auto depth = static_cast<std::size_t>(std::ranges::count(entry.path, '/'));
        const std::size_t column = entry.path == "/" ? 0 : 2 * depth;
        const std::string name = entry.path.substr(entry.path == "/" ? 0 : entry.path.rfind('/') + 1);
        using enum storage::TreeEntry::Kind;
        const std::string text = entry.kind == group  ? (name == "/" ? "" : "/")
                                 : entry.kind == link ? " -> " + entry.text
                                                      : "  " + entry.text;
        fmt::print("{}\n", wrapped(name + text, column));
        for (const auto& [key, value] : entry.attributes)
            fmt::print("{}\n", wrapped(fmt::format("@{} {}", key, shortened(value)), column + 4));
    }
    if (entries.size() > most_listed) fmt::print("and {} more\n", with_commas(entries.size() - most_listed));
}

std::string chunks_text(const DatasetInfo& info) {
    if (info.chunk.empty()) return "none (" + info.layout + ")";
    std::string text = fmt::format("{}, {} each", describe(info.chunk),
                                   bytes_text(elements(info.chunk) * storage::bytes_of(info.type)));
    for (const std::string& filter : info.filters) text += ", " + filter;
    return text;
}

/// How values become what a model sees, where that is not what anybody would expect.
std::string scale_advice(const DatasetInfo& info, double greatest) {
    const double scale = data::natural_scale(info.type);
    constexpr double dim = 0.25;
    if (!storage::is_integer(info.type) || greatest <= 0 || greatest * scale > dim) return {};
    return fmt::format(
        "{} is scaled by its type's range, so the largest value becomes {:.3g}; data.scale: {:.6g} makes "
        "it 1",
        storage::name_of(info.type), greatest * scale, 1 / greatest);
}

void print_values(const DatasetInfo& info, const InspectOptions& options) {
    const std::size_t bytes = info.rows() * info.row_bytes();
    if (!options.statistics && bytes > small_bytes) {
        print_line("range", fmt::format("not read ({}); --stats does", bytes_text(bytes)));
        return;
    }
    const std::optional<data::Statistics> found = survey(info, outside_of(options));
    if (!found) {
        print_line("range", "not read: a sample has too many elements to keep figures of each");
        return;
    }
    const data::Statistics::Overall all = found->overall();
    print_line("range", fmt::format("{:.6g} to {:.6g}", all.least, all.greatest));
    if (options.statistics) {
        const double values = static_cast<double>(found->rows()) * static_cast<double>(found->elements());
        print_line("mean", fmt::format("{:.6g}, standard deviation {:.6g}", all.mean, all.deviation));
        print_line("zeros", fmt::format("{:.4g} % of all values", 100 * static_cast<double>(found->zeros()) / values));
        print_line("constant", fmt::format("{} of {} elements are the same in every sample", with_commas(all.constant),
                                           with_commas(found->elements())));
    }
    if (found->not_finite() > 0)
        print_line("problem", fmt::format("{} values are not finite, the first in row {}; training refuses them",
                                          with_commas(found->not_finite()), *found->first_not_finite()));
    if (info.shape.size() == 1) {
        if (found->not_finite() == 0)
            print_line("labels", describe(data::survey_labels(open_again(info, outside_of(options)))));
        return;
    }
    const std::string advice = scale_advice(info, all.greatest);
    if (!advice.empty()) print_line("scale", advice);
}

void print_dataset(const DatasetInfo& info, const InspectOptions& options) {
    fmt::print("\n{}\n", info.name);
    print_line("shape", describe(info.shape));
    print_line("type", info.stored);
    print_line("chunks", chunks_text(info));
    print_line("stored", bytes_text(info.stored_bytes));
    const std::string row = info.shape.size() == 1 ? "a label" : "a sample";
    print_line("memory", fmt::format("{} in all, {} {}", bytes_text(info.rows() * info.row_bytes()),
                                     bytes_text(info.row_bytes()), row));
    const storage::LayoutVerdict verdict = storage::judge_layout(info);
    print_line("reading", verdict.meaning);
    if (!verdict.advice.empty()) print_line("better", verdict.advice);
    print_values(info, options);
}

void print_head(const fs::path& file) {
    fmt::print("{}: dataset file, {}\n", file.string(), bytes_text(fs::file_size(file)));
}

void inspect_file(const fs::path& file, const InspectOptions& options) {
    // Before anything is printed: a damaged file shows here.
    const std::vector<storage::TreeEntry> tree = storage::list_tree(file);
    const std::vector<storage::Examined> datasets = storage::examine_datasets(file, outside_of(options));
    print_head(file);
    print_tree(tree);
    std::size_t described = 0, left_out = 0;
    for (const storage::Examined& examined : datasets) {
        if (!examined.problem.empty()) {
            fmt::print("\n{}\n", examined.info.name);
            print_line("problem", examined.problem);
        } else if (described < most_described) {
            print_dataset(examined.info, options);
            ++described;
        } else {
            ++left_out;
        }
    }
    if (left_out > 0)
        fmt::print("\n{} more datasets; name one: elbo inspect {}:/DATASET\n", with_commas(left_out), file.string());
}

void inspect_together(const std::vector<storage::Location>& locations, const InspectOptions& options) {
    fmt::print("{} files\n", with_commas(locations.size()));
    for (std::size_t i = 0; i < locations.size() && i < most_listed; ++i) {
        const storage::Location& location = locations[i];
        const DatasetInfo info = storage::DatasetReader(location.file, location.dataset, outside_of(options)).info();
        fmt::print("  {}:{}\n    {}, {}\n", info.file, info.name, describe(info.shape), info.stored);
    }
    const DatasetInfo whole = storage::DatasetReader(locations, outside_of(options)).info();
    fmt::print("\n{}\n", wrapped(fmt::format("They fit together: {} samples of {} {}.", with_commas(whole.rows()),
                                             describe(whole.sample_shape()), storage::name_of(whole.type)),
                                 0));
    print_dataset(whole, options);
}

} // namespace

void inspect_datasets(const InspectOptions& options) {
    std::vector<std::string> texts = {options.file};
    texts.insert(texts.end(), options.rest.begin(), options.rest.end());
    const std::vector<fs::path> files = storage::files_of(texts);
    const bool whole_file = texts.size() == 1 && files.size() == 1 && files.front() == options.file;
    if (whole_file) {
        inspect_file(files.front(), options);
        if (options.picture.empty()) return;
    }
    const std::vector<storage::Location> locations = storage::locate(texts, "/train/x", outside_of(options));
    const storage::DatasetReader reader(locations, outside_of(options));
    if (!whole_file && locations.size() == 1) {
        print_head(locations.front().file);
        print_dataset(reader.info(), options);
    } else if (!whole_file) {
        inspect_together(locations, options);
    }
    if (options.picture.empty()) return;
    draw_samples(reader, options.picture);
    fmt::print("\nwrote {}: samples of {}:{}, evenly over the file\n", options.picture, reader.info().file,
               reader.info().name);
}

} // namespace elbo::commands
