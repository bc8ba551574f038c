#include "storage/references.hpp"

#include "storage/posix.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view permission = "set data.allow_external: true (inspect: --allow-external) where that is meant";

/// Links resolved as far as the path exists.
fs::path resolved(const fs::path& path) {
    std::error_code error;
    fs::path found = fs::weakly_canonical(path, error);
    return error ? path : found;
}

bool lies_in(const fs::path& path, const fs::path& folder) {
    const auto [in_folder, in_path] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
    return in_folder == folder.end() && in_path != path.end();
}

fs::path absolute_folder_of(const fs::path& file) { return fs::absolute(file).parent_path(); }

} // namespace

struct References::Policy {
    fs::path file;
    std::vector<fs::path> folders; ///< of the file as it was named, and of what that is a link to
    Outside outside;
    std::string refusal;

    Policy(const fs::path& named, Outside allowed)
        : file(named), folders{resolved(absolute_folder_of(named)), resolved(named).parent_path()}, outside(allowed) {}

    bool permits(const fs::path& path) const {
        if (outside == Outside::allowed) return true;
        const fs::path target = resolved(path);
        return std::ranges::any_of(folders, [&](const fs::path& folder) { return lies_in(target, folder); });
    }

    /// The first candidate that exists, if it may be opened.
    Referred choose(const std::vector<fs::path>& candidates) const {
        const auto found = std::ranges::find_if(candidates, is_there);
        const fs::path path = found == candidates.end() ? candidates.front() : *found;
        if (!permits(path)) {
            return {path, fmt::format("lies outside of {}; {}", absolute_folder_of(file).string(), permission)};
        }
        return {path, found == candidates.end() ? "does not exist" : ""};
    }

    /// HDF5's order: the name as it is where it is absolute; beside the file; in the working folder; beside what the
    /// file is a link to. An absolute name that does not exist loses its folders.
    std::vector<fs::path> candidates(const fs::path& referring, const fs::path& name) const {
        std::vector<fs::path> list;
        if (name.is_absolute()) list.push_back(name);
        const fs::path relative = name.is_absolute() ? name.filename() : name;
        list.push_back(absolute_folder_of(referring) / relative);
        list.push_back(fs::absolute(relative));
        list.push_back(resolved(referring).parent_path() / relative);
        return list;
    }

    herr_t traverse(const char* parent, const char* file_name, const char* object) {
        const Referred target = choose(candidates(parent, file_name));
        if (target.problem.empty()) return 0;
        refusal = fmt::format("leads over an external link in {} to {}:{}, which {}", parent, file_name, object,
                              target.problem);
        return -1;
    }

    /// HDF5 asks before it follows an external link; exceptions must not cross its frames.
    static herr_t ask(const char* parent_file, const char*, const char* file, const char* object, unsigned*, hid_t,
                      void* policy) {
        try {
            return static_cast<Policy*>(policy)->traverse(parent_file, file, object);
        } catch (...) {
            return -1;
        }
    }
};

void References::DeletePolicy::operator()(Policy* policy) const { delete policy; }

References::References(const fs::path& file, Outside outside)
    : policy_(new Policy(file, outside)), access_(H5Pcreate(H5P_DATASET_ACCESS), file.string()) {
    checked(H5Pset_elink_cb(access_.get(), Policy::ask, policy_.get()), file.string());
    // A filter's plugin is code that would run: it stays loaded once a dataset that needs it is open.
    checked(H5PLset_loading_state(outside == Outside::allowed ? H5PL_ALL_PLUGIN : 0), "filters' plugins");
}

std::string References::take_refusal() const { return std::exchange(policy_->refusal, {}); }

Referred References::resolve(const fs::path& referring, const std::string& name) const {
    return policy_->choose(policy_->candidates(referring, name));
}

Referred References::resolve_raw(const fs::path& referring, const std::string& name) const {
    return policy_->choose({absolute_folder_of(referring) / name});
}

} // namespace elbo::storage
