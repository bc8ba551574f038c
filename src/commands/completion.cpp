#include "commands/completion.hpp"

#include "base/text.hpp"
#include "config/config.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

#include <array>
#include <type_traits>
#include <variant>

namespace elbo::commands {
namespace {

/// What is read of the command line, and how a value of each kind is completed. Words that hold "=" and ":" come to
/// bash in pieces.
constexpr std::string_view functions = R"(
# Sets COMPREPLY to what begins like cur, of a kind.
_elbo_complete() {
    local kind=$1 item below
    case $kind in
    one-of=*)
        kind=${kind#one-of=}
        mapfile -t COMPREPLY < <(compgen -W "${kind//,/ }" -- "$cur")
        return
        ;;
    key)
        mapfile -t COMPREPLY < <(compgen -S = -W "$_elbo_keys" -- "$cur")
        compopt -o nospace 2>/dev/null
        return
        ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    configuration)
        while IFS= read -r item; do
            if [[ -d $item || $item == *.yaml || $item == *.yml ]]; then COMPREPLY+=("$item"); fi
        done < <(compgen -f -- "$cur")
        ;;
    run)
        # Checkpoints, runs, their folders, and folders with runs in them.
        while IFS= read -r item; do
            below=$(compgen -G "$item/configuration.yaml" || compgen -G "$item/*/configuration.yaml" ||
                compgen -G "$item/*/*/configuration.yaml" || compgen -G "$item/*.h5")
            if [[ $item == *.h5 || (-d $item && -n $below) ]]; then COMPREPLY+=("$item"); fi
        done < <(compgen -f -- "$cur")
        ;;
    esac
    compopt -o filenames 2>/dev/null
}

_elbo() {
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} kind='' options='' places='' number=0 i
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _elbo_complete "one-of=$_elbo_commands --help --version"
        return
    fi
    if [[ $cur == '=' ]]; then cur='' before='=' i=$((COMP_CWORD - 1)); else i=$((COMP_CWORD - 2)); fi
    if [[ $before == ':' || $cur == ':' ]]; then return; fi
    if [[ $before == '=' ]]; then
        _elbo_value "${COMP_WORDS[1]}" "${COMP_WORDS[i]}"
        _elbo_complete "${kind:-file}"
        return
    fi
    _elbo_value "${COMP_WORDS[1]}" "$before"
    if [[ -n $kind ]]; then
        _elbo_complete "$kind"
        return
    fi
    _elbo_words "${COMP_WORDS[1]}"
    if [[ $cur == -* ]]; then
        _elbo_complete "one-of=$options --help"
        return
    fi
    for ((i = 2; i < COMP_CWORD; ++i)); do
        _elbo_value "${COMP_WORDS[1]}" "${COMP_WORDS[i]}"
        if [[ -n $kind ]]; then
            ((++i))
        elif [[ ${COMP_WORDS[i]} != -* ]]; then
            ((++number))
        fi
    done
    read -ra places <<<"$places"
    if ((number >= ${#places[@]})); then number=$((${#places[@]} - 1)); fi
    if ((number >= 0)); then _elbo_complete "${places[number]}"; fi
}

complete -F _elbo elbo
)";

struct TypeKind {
    std::string_view type, kind;
};

/// Values that are numbers or free text are not completed.
constexpr std::array type_kinds = {TypeKind{"CONFIG", "configuration"},
                                   TypeKind{"key=value", "key"},
                                   TypeKind{"RUN", "run"},
                                   TypeKind{"RUN...", "run"},
                                   TypeKind{"FILE", "file"},
                                   TypeKind{"FILE.png", "file"},
                                   TypeKind{"OUT", "file"},
                                   TypeKind{"DATA", "file"},
                                   TypeKind{"L", "file"},
                                   TypeKind{"MORE", "file"},
                                   TypeKind{"SOURCE... OUT.h5", "file"},
                                   TypeKind{"FOLDER", "folder"}};

std::string kind_of(const Word& word) {
    if (std::holds_alternative<bool*>(word.place)) return {};
    if (!word.choices.empty()) return "one-of=" + joined(word.choices, ",");
    for (const TypeKind& entry : type_kinds)
        if (entry.type == word.type) return std::string(entry.kind);
    return "none";
}

/// "-q", "--quiet" of "-q,--quiet".
std::vector<std::string> flags_of(const Word& word) {
    std::vector<std::string> flags;
    for (std::string_view rest = word.flags; !rest.empty();) {
        const std::string_view flag = rest.substr(0, rest.find(','));
        flags.emplace_back(flag);
        rest.remove_prefix(std::min(rest.size(), flag.size() + 1));
    }
    return flags;
}

bool is_option(const Word& word) { return word.flags.starts_with('-'); }

std::string words_case(const NamedWords& command) {
    std::string options, places;
    for (const Word& word : command.words.all) {
        if (!is_option(word))
            places += (places.empty() ? "" : " ") + kind_of(word);
        else
            for (const std::string& flag : flags_of(word)) options += (options.empty() ? "" : " ") + flag;
    }
    return fmt::format("    {}) options='{}' places='{}' ;;\n", command.name, options, places);
}

std::string value_cases(const NamedWords& command) {
    std::string cases;
    for (const Word& word : command.words.all) {
        const std::string kind = kind_of(word);
        if (!is_option(word) || kind.empty()) continue;
        std::string patterns;
        for (const std::string& flag : flags_of(word))
            patterns += fmt::format("{}{}:{}", patterns.empty() ? "" : " | ", command.name, flag);
        cases += fmt::format("    {}) kind='{}' ;;\n", patterns, kind);
    }
    return cases;
}

std::string keys() {
    std::string names;
    for (const std::string& name : config::key_names(training::schema())) names += (names.empty() ? "" : " ") + name;
    return names;
}

} // namespace

std::string bash_completion(std::span<const NamedWords> commands) {
    std::string names, words, values;
    for (const NamedWords& command : commands) {
        names += fmt::format("{}{}", names.empty() ? "" : " ", command.name);
        words += words_case(command);
        values += value_cases(command);
    }
    return fmt::format(
        "# Completion of elbo for bash, as `elbo completion bash` prints it: source <(elbo completion bash)\n"
        "_elbo_commands='{}'\n"
        "_elbo_keys='{}'\n\n"
        "# Sets options and places: a command's options, and the kinds of its other words.\n"
        "_elbo_words() {{\n    case $1 in\n{}    esac\n}}\n\n"
        "# Sets kind to that of the value of a command's option; empty where it takes none.\n"
        "_elbo_value() {{\n    kind=''\n    case $1:$2 in\n{}    esac\n}}\n{}",
        names, keys(), words, values, functions);
}

} // namespace elbo::commands
