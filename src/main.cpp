// The command line of elbo: a table of commands, and the one place where errors are caught.
#include "base/text.hpp"
#include "base/verdict.hpp"
#include "comm/communicator.hpp"
#include "commands/commands.hpp"
#include "commands/completion.hpp"
#include "commands/words.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

namespace {

using namespace elbo;

template <class Value>
struct NumberOf {
    using type = Value;
};
template <class Value>
struct NumberOf<std::optional<Value>> : NumberOf<Value> {};

/// What is wrong with text as a number, empty where nothing is. CLI11 itself takes -3 for a large unsigned number.
template <class Number>
std::string wrong_number(const std::string& text) {
    Number value{};
    const char* const end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && after == end) return "";
    const char* const kind = std::is_floating_point_v<Number> ? "a number"
                             : std::is_signed_v<Number>       ? "a whole number"
                                                              : "a whole number from 0 on";
    return fmt::format("expected {}{}, found '{}'", kind,
                       error == std::errc::result_out_of_range ? " within its range" : "", text);
}

/// Adds an option to a command's parser, its value going to a place of the type that it has.
struct AddOption {
    CLI::App& parser;
    const commands::Word& word;

    CLI::Option* operator()(bool* given) const { return parser.add_flag(word.flags, *given, word.meaning); }

    template <class Value>
    CLI::Option* operator()(Value* value) const {
        CLI::Option* option = parser.add_option(word.flags, *value, word.meaning)->type_name(word.type);
        if (word.range) option->check(CLI::Range(word.range->first, word.range->second));
        using Number = typename NumberOf<Value>::type;
        if constexpr (std::is_arithmetic_v<Number>) option->check(wrong_number<Number>);
        return word.shows_value ? option->capture_default_str() : option;
    }

    /// Texts are all that follow; numbers are one word, since what comes next may be a key's value.
    CLI::Option* operator()(std::vector<std::string>* values) const {
        return parser.add_option(word.flags, *values, word.meaning)->type_name(word.type);
    }
    CLI::Option* operator()(std::vector<double>* values) const { return add_list(*values); }
    CLI::Option* operator()(std::vector<std::int64_t>* values) const { return add_list(*values); }

    template <class Values>
    CLI::Option* add_list(Values& values) const {
        return parser.add_option(word.flags, values, word.meaning)
            ->check(wrong_number<typename Values::value_type>)
            ->delimiter(',')
            ->allow_extra_args(false)
            ->type_name(word.type);
    }
};

void add_words(CLI::App& parser, const commands::Words& words) {
    for (const commands::Word& word : words.all) {
        CLI::Option* option = std::visit(AddOption{parser, word}, word.place);
        option->required(word.required);
        if (!word.needs.empty()) option->needs(word.needs);
    }
    if (!words.footer.empty()) parser.footer(words.footer);
}

/// The options that were given, in the words of the command line.
std::string given_options(const CLI::App& parser) {
    std::string text;
    for (const CLI::Option* option : parser.get_options()) {
        const std::string name = option->get_name();
        if (option->count() == 0 || !name.starts_with("--") || name == "--force" || name == "--quiet") continue;
        text += (text.empty() ? "" : " ") + name;
        if (option->get_items_expected_max() > 0) text += fmt::format(" {}", fmt::join(option->results(), " "));
    }
    return text;
}

/// Where the meanings begin in --help, so that lines fit 80 columns.
constexpr std::size_t help_column = 18;

commands::Words completion_words();

struct Command {
    std::string_view name;
    const char* meaning;
    commands::Words (*words)();
};

constexpr Command command_table[] = {
    {"train", "train a model as configured; under mpirun on all ranks", commands::train_words},
    {"convert", "make an HDF5 dataset of files, or of made-up data", commands::convert_words},
    {"evaluate", "bounds on the log-likelihood that a trained model gives data", commands::evaluate_words},
    {"reconstruct", "samples beside what a trained model makes of them", commands::reconstruct_words},
    {"interpolate", "what a trained model sees between two samples", commands::interpolate_words},
    {"traverse", "what each of a trained model's latent dimensions does", commands::traverse_words},
    {"restore", "denoise, inpaint or enlarge images by a trained model", commands::restore_words},
    {"probe", "what a trained model's codes hold: classes, known factors", commands::probe_words},
    {"encode", "write the codes of data: means, variances, draws", commands::encode_words},
    {"sample", "draw samples from a trained model", commands::sample_words},
    {"report", "draw runs as one HTML page: curves, latents, pictures, time", commands::report_words},
    {"export", "write a trained model's encoder and decoder as ONNX files", commands::export_words},
    {"runs", "list the runs in a folder: state, best ELBO, speed, age", commands::runs_words},
    {"bench", "measure a configuration's training steps on made-up data", commands::bench_words},
    {"inspect", "say what is in a dataset, a checkpoint or a configuration", commands::inspect_words},
    {"completion", "print what a shell completes: source <(elbo completion bash)", completion_words},
};

/// Of the table itself.
commands::Words completion_words() {
    auto shell = std::make_shared<std::string>();
    commands::Words words;
    words.choose("shell", shell.get(), "bash, the only one today", "SHELL", {"bash"}).required = true;
    words.run = [shell] {
        if (*shell != "bash") reject("completion {}: expected bash", *shell);
        std::vector<commands::NamedWords> all;
        for (const Command& command : command_table) all.push_back({command.name, command.words()});
        fmt::print("{}", commands::bash_completion(all));
        return Exit::done;
    };
    return words;
}

/// The first word that is no option must be a command: a wrong one gets the nearest.
void check_command(const std::vector<std::string>& words) {
    if (words.empty() || words.front().starts_with("-")) return;
    std::vector<std::string_view> names;
    for (const Command& command : command_table) names.push_back(command.name);
    if (std::find(names.begin(), names.end(), words.front()) != names.end()) return;
    const std::string_view near = nearest(words.front(), names);
    reject("'{}' is no command{}; commands: {}", words.front(),
           near.empty() ? std::string() : fmt::format("; did you mean {}?", near), joined(names));
}

/// What is wrong with a command's words, with the nearest of its options for one that it does not know.
std::string complaint(const CLI::App& command, const std::vector<std::string>& words, const CLI::ParseError& error) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    const std::vector<std::string_view> known(names.begin(), names.end());
    for (const std::string& word : words) {
        const std::string_view option = std::string_view(word).substr(0, word.find('='));
        if (!option.starts_with("--") || std::find(known.begin(), known.end(), option) != known.end()) continue;
        const std::string_view near = nearest(option, known);
        if (!near.empty()) return fmt::format("unknown option {}; did you mean {}?", option, near);
        return fmt::format("unknown option {}; known: {}", option, joined(known));
    }
    return error.what();
}

Exit run(const std::vector<std::string>& words) {
    check_command(words);
    CLI::App parser("elbo trains variational autoencoders data-parallel over MPI on CPU clusters.", "elbo");
    parser.set_version_flag("--version", [] { return commands::version_text(); });
    parser.footer("Start:    elbo convert sprites data/sprites.h5\n"
                  "          elbo train configs/sprites.yaml\n"
                  "All keys: elbo train --reference");
    parser.require_subcommand(1);
    parser.get_formatter()->column_width(help_column);
    std::vector<commands::Words> words_of;
    for (const Command& command : command_table) {
        words_of.push_back(command.words());
        add_words(*parser.add_subcommand(std::string(command.name), command.meaning), words_of.back());
    }
    try {
        std::vector<std::string> reversed(words.rbegin(), words.rend());
        parser.parse(std::move(reversed));
    } catch (const CLI::Success& asked) {
        if (comm::launched_rank() == 0) parser.exit(asked);
        return Exit::done;
    } catch (const CLI::ParseError& error) {
        const auto chosen_commands = parser.get_subcommands();
        if (chosen_commands.empty()) reject("{}; see elbo --help", error.what());
        reject("{}; see elbo {} --help", complaint(*chosen_commands.front(), words, error), words.front());
    }
    const CLI::App& chosen = *parser.get_subcommands().front();
    const auto place = std::ranges::find(command_table, chosen.get_name(), &Command::name) - std::begin(command_table);
    const commands::Words& own = words_of[static_cast<std::size_t>(place)];
    if (own.given) *own.given = given_options(chosen);
    return own.run();
}

/// For errors found before MPI knows the ranks: one message, not one a rank. mpirun ends all ranks as soon as one
/// has failed, so the others give rank 0 the time to speak.
Exit speak_of(const Verdict& verdict) {
    if (comm::launched_rank() == 0)
        complain(verdict.message);
    else
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return verdict.status;
}

/// Readers that go away, as head does, and limits of file sizes are errors of the call that writes.
void have_writes_tell() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

/// Whether standard output is a pipe whose reader has gone.
bool reader_has_gone() {
    pollfd output{STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

/// Whether something of what was printed could not be written.
bool lost_output() { return std::fflush(stdout) != 0 || std::ferror(stdout) != 0; }

/// A reader that has gone has what it wanted; where standard output is closed, nobody asked for it.
Exit after_lost_output(Exit status) {
    if (reader_has_gone() || ::fcntl(STDOUT_FILENO, F_GETFD) < 0) return status;
    const Exit worse = status == Exit::done ? Exit::failure : status;
    return speak_of({"what was printed could not be written to standard output; is its disk full?", worse});
}

} // namespace

int main(int argc, char** argv) {
    have_writes_tell();
    Exit status = Exit::failure;
    try {
        status = run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        const Verdict verdict = verdict_of(error);
        const bool by_output = dynamic_cast<const std::system_error*>(&error) != nullptr && lost_output();
        status = by_output ? verdict.status : speak_of(verdict);
    }
    if (lost_output()) status = after_lost_output(status);
    return static_cast<int>(status);
}
