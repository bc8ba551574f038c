// Datasets whose elements lie elsewhere: virtual ones, and raw data in other files. HDF5 gives zeros, without a word,
// for what it does not find there; so each source is looked at first.
#include "storage/description.hpp"
#include "storage/references.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <vector>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// Virtual datasets whose sources are virtual, and so on.
constexpr int deepest_nesting = 3;

/// A name that the two-call functions of H5Pvirtual give.
template <class Get>
std::string name_by(Get&& get) {
    const ssize_t length = checked(get(nullptr, std::size_t{0}), "a virtual dataset's source");
    std::string name(static_cast<std::size_t>(length), '\0');
    checked(get(name.data(), name.size() + 1), "a virtual dataset's source");
    return name;
}

/// One mapping of a virtual dataset.
struct Mapping {
    std::string file, dataset;
    SpaceHandle source, target; ///< selections

    Mapping(hid_t properties, std::size_t i)
        : file(name_by(
              [&](char* name, std::size_t size) { return H5Pget_virtual_filename(properties, i, name, size); })),
          dataset(name_by(
              [&](char* name, std::size_t size) { return H5Pget_virtual_dsetname(properties, i, name, size); })),
          source(H5Pget_virtual_srcspace(properties, i), "a source's selection"),
          target(H5Pget_virtual_vspace(properties, i), "a virtual dataset's selection") {}
};

/// True where "%b" or "%3b" stands for the number of a file or dataset.
bool is_numbered(const std::string& name) {
    for (std::size_t i = name.find('%'); i != std::string::npos; i = name.find('%', i + 2)) {
        std::size_t end = i + 1;
        while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end]))) ++end;
        if (end < name.size() && name[end] == 'b') return true;
    }
    return false;
}

/// "%%" stands for a percent sign.
std::string plain(const std::string& name) {
    std::string text;
    for (std::size_t i = 0; i < name.size(); ++i) {
        text += name[i];
        if (name[i] == '%' && i + 1 < name.size() && name[i + 1] == '%') ++i;
    }
    return text;
}

/// Whether what is selected of the source is there.
bool covers(const Shape& source, const Mapping& mapping) {
    const hid_t selection = mapping.source.get();
    // "All of it" is stored without extents.
    if (H5Sget_select_type(selection) == H5S_SEL_ALL) {
        return static_cast<hssize_t>(elements(source)) == H5Sget_select_npoints(mapping.target.get());
    }
    const Shape extents = shape_of(selection);
    if (extents.size() != source.size()) return false;
    std::vector<hsize_t> first(extents.size()), last(extents.size());
    if (H5Sget_select_bounds(selection, first.data(), last.data()) < 0) return false;
    return std::ranges::equal(last, source, [](hsize_t end, std::size_t extent) { return end < extent; });
}

/// Blocks of selections that are put together: some hundred bytes each.
constexpr double most_blocks = 1 << 22;

/// The elements of a virtual dataset that have a source.
class Mapped {
public:
    explicit Mapped(const Shape& shape)
        : all_(static_cast<double>(elements(shape))), rank_(shape.size()), found_(simple_space(shape)) {
        checked(H5Sselect_none(found_.get()), "a selection");
    }

    /// target: of a number that is known.
    void add(hid_t target) {
        const H5S_sel_type kind = H5Sget_select_type(target);
        if (shape_of(target).size() != rank_) return; // of a damaged file: no source
        with_repeats_ += static_cast<double>(H5Sget_select_npoints(target));
        if (kind == H5S_SEL_ALL) checked(H5Sselect_all(found_.get()), "a selection");
        if (kind != H5S_SEL_HYPERSLABS) return;
        const hssize_t blocks = checked(H5Sget_select_hyper_nblocks(target), "a selection's blocks");
        blocks_ += static_cast<double>(blocks);
        if (blocks_ > most_blocks) return;
        if (H5Sis_regular_hyperslab(target) > 0)
            add_regular(target);
        else
            add_blocks(target, static_cast<std::size_t>(blocks));
    }

    /// What is wrong, empty where every element has one source.
    std::string problem() const {
        if (blocks_ > most_blocks)
            return fmt::format("is made of more than {:.0f} pieces, too many to tell whether all elements are there; "
                               "copy it into an ordinary dataset",
                               most_blocks);
        const auto found = static_cast<double>(H5Sget_select_npoints(found_.get()));
        if (with_repeats_ > found)
            return fmt::format("maps {:.0f} elements onto {:.0f} of its {:.0f}: mappings overlap; make it anew so that "
                               "each element has one source",
                               with_repeats_, found, all_);
        if (found >= all_) return {};
        return fmt::format("has sources for {:.0f} of {:.0f} elements; the others would be made-up fill values", found,
                           all_);
    }

private:
    void add_regular(hid_t target) {
        std::vector<hsize_t> start(rank_), stride(rank_), count(rank_), block(rank_);
        checked(H5Sget_regular_hyperslab(target, start.data(), stride.data(), count.data(), block.data()),
                "a selection");
        add(start.data(), stride.data(), count.data(), block.data());
    }

    void add_blocks(hid_t target, std::size_t blocks) {
        std::vector<hsize_t> corners(2 * rank_ * blocks), extents(rank_); // each block's first and last element
        checked(H5Sget_select_hyper_blocklist(target, 0, blocks, corners.data()), "a selection's blocks");
        const std::vector<hsize_t> once(rank_, 1);
        for (const hsize_t* first = corners.data(); first != corners.data() + corners.size(); first += 2 * rank_) {
            for (std::size_t i = 0; i < rank_; ++i) extents[i] = first[rank_ + i] - first[i] + 1;
            add(first, nullptr, once.data(), extents.data());
        }
    }

    void add(const hsize_t* start, const hsize_t* stride, const hsize_t* count, const hsize_t* block) {
        checked(H5Sselect_hyperslab(found_.get(), H5S_SELECT_OR, start, stride, count, block), "a selection");
    }

    double all_;
    std::size_t rank_;
    SpaceHandle found_;       ///< selection
    double with_repeats_ = 0; ///< elements, each as often as it is mapped; mappings may be as many as they like
    double blocks_ = 0;       ///< of all of them
};

std::string elements_text(const Mapping& mapping) {
    return fmt::format("{} elements", H5Sget_select_npoints(mapping.target.get()));
}

/// Looks at the sources of one virtual dataset, each once.
class Sources {
public:
    Sources(const fs::path& file, std::span<const std::string> fields, const References& references, int nesting)
        : file_(file), fields_(fields), references_(references), nesting_(nesting) {}

    std::string problem_of(const Mapping& mapping) {
        if (is_numbered(mapping.file) || is_numbered(mapping.dataset)) return numbered_problem(mapping);
        const std::string file = plain(mapping.file), dataset = plain(mapping.dataset);
        const auto [found, is_new] = described_.try_emplace({file, dataset});
        if (is_new) found->second = description_of(file, dataset);
        const Description& source = found->second;
        if (!source.problem.empty())
            return fmt::format("takes rows from {}:{}, which {}", file, dataset, source.problem);
        const Shape& inner = source.inner;
        const Shape own(source.info.shape.begin(), source.info.shape.end() - static_cast<std::ptrdiff_t>(inner.size()));
        if (covers(own, mapping)) return {};
        return fmt::format("takes {} from {}:{}, which has {}", elements_text(mapping), file, dataset, describe(own));
    }

    void tell(DatasetInfo& info) const {
        std::set<fs::path> files;
        info.stored_bytes = 0;
        for (const auto& [name, description] : described_) {
            const DatasetInfo& source = description.info;
            info.stored_bytes += source.stored_bytes;
            if (name.first != ".") files.emplace(source.file);
            files.insert(source.others.begin(), source.others.end());
        }
        info.others.insert(info.others.end(), files.begin(), files.end());
    }

private:
    /// Of numbered files HDF5 takes as many as there are: only where they lie can be said.
    std::string numbered_problem(const Mapping& mapping) const {
        if (mapping.file == ".") return {};
        const Referred target = references_.resolve(file_, mapping.file);
        if (target.problem.empty() || target.problem == "does not exist") return {};
        return fmt::format("takes rows from {}, which {}", mapping.file, target.problem);
    }

    Description description_of(const std::string& name, const std::string& dataset) const {
        Description nothing;
        if (nesting_ >= deepest_nesting) {
            nothing.problem = "is itself made of others, deeper than elbo follows";
            return nothing;
        }
        const Referred target = name == "." ? Referred{file_, ""} : references_.resolve(file_, name);
        nothing.problem = target.problem;
        if (!nothing.problem.empty()) return nothing;
        try {
            return describe_source(target.path, dataset, fields_, references_, nesting_ + 1);
        } catch (const Error& error) {
            nothing.problem = fmt::format("cannot be opened ({})", error.what());
            return nothing;
        }
    }

    const fs::path& file_;
    std::span<const std::string> fields_;
    const References& references_;
    int nesting_;
    std::map<std::pair<std::string, std::string>, Description> described_;
};

} // namespace

std::string virtual_problem(hid_t properties, const Shape& shape, const fs::path& file,
                            std::span<const std::string> fields, const References& references, int nesting,
                            DatasetInfo& info) {
    std::size_t count = 0;
    checked(H5Pget_virtual_count(properties, &count), "a virtual dataset's sources");
    Sources sources(file, fields, references, nesting);
    Mapped mapped(shape);
    bool numbered = false;
    for (std::size_t i = 0; i < count; ++i) {
        const Mapping mapping(properties, i);
        if (std::string problem = sources.problem_of(mapping); !problem.empty()) return problem;
        numbered = numbered || H5Sget_select_npoints(mapping.target.get()) < 0;
        if (!numbered) mapped.add(mapping.target.get());
    }
    sources.tell(info);
    return numbered ? std::string() : mapped.problem();
}

std::string raw_problem(hid_t properties, std::size_t bytes, const fs::path& file, const References& references,
                        DatasetInfo& info) {
    info.stored_bytes = 0;
    const int count = checked(H5Pget_external_count(properties), "raw data");
    for (int i = 0; i < count; ++i) {
        char name[4096] = {};
        off_t offset = 0;
        hsize_t size = 0;
        checked(H5Pget_external(properties, static_cast<unsigned>(i), sizeof name - 1, name, &offset, &size),
                "raw data");
        const Referred target = references.resolve_raw(file, name);
        if (!target.problem.empty()) return fmt::format("has its numbers in {}, which {}", name, target.problem);
        std::error_code error;
        const std::uintmax_t there = fs::file_size(target.path, error);
        const std::size_t room = error || offset < 0 || static_cast<std::uintmax_t>(offset) > there
                                     ? 0
                                     : there - static_cast<std::uintmax_t>(offset);
        if (size != H5F_UNLIMITED && size > room) {
            return fmt::format("has {} bytes of its numbers in {}, of which {} are there; is that cut short?", size,
                               name, room);
        }
        info.stored_bytes += size == H5F_UNLIMITED ? room : size;
        info.others.push_back(target.path);
    }
    if (info.stored_bytes >= bytes) return {};
    return fmt::format("needs {} bytes, of which {} lie in its files of raw data; are they cut short?", bytes,
                       info.stored_bytes);
}

} // namespace elbo::storage
