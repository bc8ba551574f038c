// What users write for a dataset: files, patterns of files, datasets in them.
#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/open_file.hpp"
#include "storage/posix.hpp"

#include <glob.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// "FILE:/dataset" in two; the dataset is empty where there is none. A file's name may have ":/" in it.
Location split(const std::string& text) {
    const std::size_t colon = is_there(text) ? std::string::npos : text.rfind(":/");
    return {text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
}

/// Files that match a pattern, in natural order; the path itself where it exists or is no pattern.
std::vector<fs::path> expand(const fs::path& path) {
    if (is_there(path) || path.string().find_first_of("*?[") == std::string::npos) return {path};
    glob_t found{};
    const int status = ::glob(path.c_str(), GLOB_NOSORT, nullptr, &found);
    std::vector<std::string> names(found.gl_pathv, found.gl_pathv + (status == 0 ? found.gl_pathc : 0));
    ::globfree(&found);
    std::ranges::sort(names, natural_less);
    return {names.begin(), names.end()};
}

/// The dataset that is meant where none is said.
std::string only_dataset(const OpenFile& file, const std::string& text, std::string_view preferred) {
    if (!preferred.empty() && file.holds_dataset(std::string(preferred))) return std::string(preferred);
    std::vector<std::string> candidates;
    for (const std::string& name : file.names()) {
        const Description description = file.describe(name);
        if (description.problem.empty() && description.info.shape.size() >= 2) candidates.push_back(name);
    }
    if (candidates.empty()) {
        reject("{}: no dataset of numbers in rows (N, ...) to take; {}", text, file.contents());
    }
    if (candidates.size() > 1) {
        reject("{}: which dataset is not clear; {}; say for instance {}:{}", text, file.contents(), text,
               candidates.front());
    }
    return candidates.front();
}

} // namespace

Location locate(const std::string& text, std::string_view preferred, Outside outside) {
    Location location = split(text);
    const Hdf5Session session;
    const OpenFile file(location.file, outside);
    if (location.dataset.empty())
        location.dataset = only_dataset(file, text, preferred);
    else
        file.open(file.target(location.dataset), location.dataset);
    return location;
}

std::vector<Location> locate(std::span<const std::string> texts, std::string_view preferred, Outside outside) {
    std::vector<Location> locations;
    std::set<std::pair<std::string, std::string>> seen;
    for (const std::string& text : texts) {
        const Location pattern = split(text);
        const std::vector<fs::path> files = expand(pattern.file);
        if (files.empty()) reject("{}: no file matches {}", text, pattern.file.string());
        for (const fs::path& file : files) {
            const std::string whole = file.string() + (pattern.dataset.empty() ? "" : ":" + pattern.dataset);
            Location location = locate(whole, preferred, outside);
            std::error_code ignored;
            if (!seen.emplace(fs::weakly_canonical(location.file, ignored).string(), location.dataset).second) {
                reject("{}: {}:{} comes twice; every sample counts once", text, location.file.string(),
                       location.dataset);
            }
            locations.push_back(std::move(location));
        }
    }
    if (locations.empty()) reject("no dataset is named");
    return locations;
}

std::vector<fs::path> files_of(std::span<const std::string> texts) {
    std::vector<fs::path> files;
    for (const std::string& text : texts)
        for (fs::path& file : expand(split(text).file))
            if (is_there(file)) files.push_back(std::move(file));
    return files;
}

} // namespace elbo::storage
