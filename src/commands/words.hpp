// The words of the command line that each command takes. What reads them is main.cpp's.
#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace elbo::commands {

/// Where an option's value goes; a bool's is that it was given.
using Place = std::variant<bool*, double*, std::uint32_t*, std::size_t*, std::string*, std::optional<double>*,
                           std::optional<std::uint32_t>*, std::optional<std::int64_t>*, std::optional<std::size_t>*,
                           std::optional<std::string>*, std::vector<std::string>*, std::vector<double>*,
                           std::vector<std::int64_t>*>;

struct Word {
    std::string flags; ///< "--samples", "-q,--quiet"; a name without a dash is known by its place
    Place place;
    std::string meaning;
    std::string type; ///< of the value, as --help shows it: "FILE"
    bool required = false;
    bool shows_value = false; ///< --help tells what the value is without the option
    std::string needs;        ///< another option, without which this one means nothing
    std::optional<std::pair<std::int64_t, std::int64_t>> range;
    std::vector<std::string_view> choices = {}; ///< words that the value may be, for completion
};

/// All of a command's. Places are parts of what `run` holds.
struct Words {
    std::vector<Word> all;
    std::string footer;           ///< of its --help; empty: elbo's own
    std::string* given = nullptr; ///< gets the options that were given, as they were
    std::function<Exit()> run;

    /// Of a value that is one of some words.
    Word& choose(std::string flags, Place place, std::string meaning, std::string type,
                 std::vector<std::string_view> choices) {
        Word& word = add(std::move(flags), place, std::move(meaning), std::move(type));
        word.choices = std::move(choices);
        return word;
    }

    Word& add(std::string flags, Place place, std::string meaning, std::string type = {}) {
        return all.emplace_back(Word{std::move(flags), place, std::move(meaning), std::move(type)});
    }
};

Words train_words();
Words convert_words();
Words inspect_words();
Words runs_words();
Words bench_words();
Words evaluate_words();
Words reconstruct_words();
Words interpolate_words();
Words traverse_words();
Words restore_words();
Words probe_words();
Words sample_words();
Words encode_words();
Words export_words();
Words report_words();

} // namespace elbo::commands
