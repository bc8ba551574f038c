#include "convert/arrays.hpp"

#include "base/error.hpp"
#include "storage/posix.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace elbo::convert {

namespace {

struct Synonym {
    std::string_view word, meaning;
};
constexpr std::array part_words = {
    Synonym{"train", "train"},          Synonym{"training", "train"}, Synonym{"test", "test"},
    Synonym{"testing", "test"},         Synonym{"val", "validation"}, Synonym{"valid", "validation"},
    Synonym{"validation", "validation"}};
constexpr std::array field_words = {Synonym{"x", "x"},      Synonym{"data", "x"},    Synonym{"images", "x"},
                                    Synonym{"image", "x"},  Synonym{"samples", "x"}, Synonym{"features", "x"},
                                    Synonym{"inputs", "x"}, Synonym{"y", "y"},       Synonym{"labels", "y"},
                                    Synonym{"label", "y"},  Synonym{"targets", "y"}, Synonym{"target", "y"}};

template <std::size_t N>
std::string_view meaning_of(std::string_view word, const std::array<Synonym, N>& words) {
    std::string lower(word);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto found = std::find_if(words.begin(), words.end(), [&](const Synonym& one) { return one.word == lower; });
    return found == words.end() ? std::string_view() : found->meaning;
}

} // namespace

ArrayName array_name(std::string_view name) {
    ArrayName result;
    std::string rest;
    while (!name.empty()) {
        const std::size_t end = std::min(name.find_first_of("_-./ "), name.size());
        const std::string_view word = name.substr(0, end);
        name.remove_prefix(std::min(name.size(), end + 1));
        if (word.empty()) continue;
        const std::string_view part = meaning_of(word, part_words);
        if (!part.empty() && result.part.empty()) {
            result.part = part;
        } else {
            rest += (rest.empty() ? "" : "_") + std::string(word);
        }
    }
    const std::string_view field = meaning_of(rest, field_words);
    for (char& c : rest)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '_';
    result.field = !field.empty() ? field : rest.empty() ? "x" : rest;
    return result;
}

std::pair<std::string, std::string> file_and_choice(const std::string& source) {
    const std::size_t colon = storage::is_there(source) ? std::string::npos : source.rfind(':');
    if (colon == std::string::npos) return {source, ""};
    return {source.substr(0, colon), source.substr(colon + 1)};
}

ArraySource::ArraySource(std::vector<Named> arrays) {
    if (arrays.size() == 1 && arrays[0].name.field != "y") arrays[0].name.field = "x";
    for (Named& named : arrays) joined_of(named.name, *named.array).push_back(std::move(named.array));
    for (std::size_t p = 0; p < parts_.size(); ++p)
        for (std::size_t f = 0; f < fields_[p].size(); ++f) {
            std::size_t rows = 0;
            for (const auto& array : fields_[p][f]) rows += array->shape()[0];
            if (f == 0) parts_[p].items = rows;
            if (rows != parts_[p].items) {
                reject("{}: has {} rows, expected {} as {} has", fields_[p][f].back()->name(), rows, parts_[p].items,
                       fields_[p][0].back()->name());
            }
        }
}

/// Where an array belongs; with what is there already it must agree.
ArraySource::Joined& ArraySource::joined_of(const ArrayName& name, const Array& array) {
    auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& one) { return one.name == name.part; });
    if (part == parts_.end()) {
        parts_.push_back({name.part, 0, {}});
        fields_.emplace_back();
        part = parts_.end() - 1;
    }
    std::vector<Joined>& fields = fields_[static_cast<std::size_t>(part - parts_.begin())];
    const auto field = std::find_if(part->fields.begin(), part->fields.end(),
                                    [&](const Field& one) { return one.name == name.field; });
    if (field == part->fields.end()) {
        part->fields.push_back({name.field, array.row_shape(), array.type(), {}});
        return fields.emplace_back();
    }
    if (field->shape != array.row_shape() || field->type != array.type()) {
        reject("{}: has rows of {} {}, expected {} {} as {} has", array.name(), describe(array.row_shape()),
               storage::name_of(array.type()), describe(field->shape), storage::name_of(field->type),
               fields[static_cast<std::size_t>(field - part->fields.begin())].front()->name());
    }
    return fields[static_cast<std::size_t>(field - part->fields.begin())];
}

bool ArraySource::divisible() const {
    for (const auto& fields : fields_)
        for (const Joined& joined : fields)
            for (const auto& array : joined)
                if (!array->divisible()) return false;
    return true;
}

std::size_t ArraySource::piece_bytes() const {
    std::size_t most = 0;
    for (const auto& fields : fields_)
        for (const Joined& joined : fields)
            for (const auto& array : joined) most = std::max(most, array->piece_bytes());
    return most;
}

std::vector<Bad> ArraySource::read(std::size_t part, std::size_t begin, std::size_t count,
                                   std::span<const std::span<std::byte>> rows) {
    for (std::size_t f = 0; f < rows.size(); ++f) {
        const std::size_t row_bytes = parts_[part].fields[f].row_bytes();
        std::size_t first = 0; // of an array, within the field
        for (const auto& array : fields_[part][f]) {
            const std::size_t next = first + array->shape()[0];
            const std::size_t from = std::max(begin, first), to = std::min(begin + count, next);
            if (from < to)
                array->read(from - first, rows[f].subspan((from - begin) * row_bytes, (to - from) * row_bytes));
            first = next;
        }
    }
    return {};
}

} // namespace elbo::convert
