// `elbo runs`: a table of the runs in a folder. Needs no MPI.
#include "training/runs.hpp"
#include "base/text.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "report/records.hpp"
#include "report/screen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>
#include <unistd.h>

namespace elbo::commands {
namespace {

using training::RunSummary;

constexpr std::size_t gap = 2;

/// What people have a sense of at a glance: "12 s", "5 min", "3 h", "40 d".
std::string age_text(double seconds) {
    if (seconds < 60) return fmt::format("{:.0f} s", std::floor(seconds));
    if (seconds < 3600) return fmt::format("{:.0f} min", std::floor(seconds / 60));
    if (seconds < 48 * 3600.0) return fmt::format("{:.0f} h", std::floor(seconds / 3600));
    return fmt::format("{:.0f} d", std::floor(seconds / 86400));
}

std::string epochs_text(const RunSummary& run) {
    if (!run.epoch && !run.epochs) return "-";
    const auto text = [](const std::optional<std::uint64_t>& count) {
        return count ? fmt::format("{}", *count) : std::string("?");
    };
    return text(run.epoch) + "/" + text(run.epochs);
}

/// A column of the table. less: how rows are sorted by it, the ones that people look for first.
struct Column {
    std::string_view name, heading;
    std::string (*text)(const RunSummary&);
    bool (*less)(const RunSummary&, const RunSummary&);
};

/// Those that know a figure come first, and of these the greatest.
template <auto member>
bool greater(const RunSummary& a, const RunSummary& b) {
    return a.*member && (!(b.*member) || *(a.*member) > *(b.*member));
}

template <auto member>
bool named_less(const RunSummary& a, const RunSummary& b) {
    return natural_less(a.*member, b.*member);
}

constexpr std::array columns = {
    Column{"run", "run", [](const RunSummary& run) { return run.name; }, named_less<&RunSummary::name>},
    Column{"model", "model", [](const RunSummary& run) { return run.model.empty() ? "-" : run.model; },
           named_less<&RunSummary::model>},
    Column{"state", "state", [](const RunSummary& run) { return run.state; }, named_less<&RunSummary::state>},
    Column{"epochs", "epochs", epochs_text, greater<&RunSummary::epoch>},
    Column{"elbo", "best ELBO", [](const RunSummary& run) { return run.best ? fmt::format("{:.2f}", *run.best) : "-"; },
           greater<&RunSummary::best>},
    Column{"samples/s", "samples/s",
           [](const RunSummary& run) {
               const double speed = run.samples_per_second.value_or(0);
               return speed > 0 ? with_commas(static_cast<std::uint64_t>(std::llround(speed))) : "-";
           },
           greater<&RunSummary::samples_per_second>},
    Column{"age", "age", [](const RunSummary& run) { return age_text(run.age); },
           [](const RunSummary& a, const RunSummary& b) { return a.age < b.age; }},
};
constexpr std::size_t run_column = 0, model_column = 1, numbers_from = 3;

const Column& column_of(const std::string& name) {
    const std::vector<std::string_view> names = run_columns();
    const auto* const found = std::ranges::find(columns, name, &Column::name);
    if (found != columns.end()) return *found;
    const std::string_view near = nearest(name, names);
    reject("--sort {}: no such column{}; columns: {}", name,
           near.empty() ? std::string() : fmt::format("; did you mean {}?", near), joined(names));
}

void sort(std::vector<RunSummary>& runs, const RunsOptions& options) {
    std::ranges::sort(runs, named_less<&RunSummary::name>);
    const Column& column = column_of(options.sort);
    std::ranges::stable_sort(runs, column.less);
    if (options.reverse) std::ranges::reverse(runs);
}

using Row = std::array<std::string, columns.size()>;
using Widths = std::array<std::size_t, columns.size()>;

/// As wide as what stands in them; models are cut for the sake of runs' names, or left out where a line is short, and
/// names that are longer still get a line of their own.
Widths widths_of(const std::vector<Row>& rows, std::size_t line) {
    constexpr std::size_t least_model = 12, least_run = 12;
    Widths widths{};
    for (const Row& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    std::size_t room = line - gap * (columns.size() - 1);
    for (std::size_t i = model_column + 1; i < columns.size(); ++i) room -= std::min(room, widths[i]);
    if (room < least_model + least_run) {
        widths[model_column] = 0;
        widths[run_column] = std::min(widths[run_column], std::max(room + gap, least_run));
        return widths;
    }
    const std::size_t model = std::min(widths[model_column], least_model);
    widths[run_column] = std::min(widths[run_column], room - model);
    widths[model_column] = std::min(widths[model_column], room - widths[run_column]);
    return widths;
}

void print(const Row& row, const Widths& widths) {
    std::string line;
    if (row[run_column].size() > widths[run_column]) {
        fmt::print("{}\n", row[run_column]);
        line.assign(widths[run_column], ' ');
    } else {
        line = fmt::format("{:<{}}", row[run_column], widths[run_column]);
    }
    for (std::size_t i = model_column; i < row.size(); ++i) {
        if (widths[i] == 0) continue;
        const bool cut = row[i].size() > widths[i];
        const std::string text = cut ? row[i].substr(0, widths[i] - 2) + ".." : row[i];
        line.append(gap, ' ');
        line += i < numbers_from ? fmt::format("{:<{}}", text, widths[i]) : fmt::format("{:>{}}", text, widths[i]);
    }
    fmt::print("{}\n", line);
}

/// What did not go well, run by run.
void print_troubles(const std::vector<RunSummary>& runs, std::size_t line) {
    bool first = true;
    for (const RunSummary& run : runs) {
        const bool ended_badly = run.state == "failed" || run.state == "diverged" || run.state == "killed";
        std::vector<std::string> sentences = run.problems;
        if (ended_badly && !run.message.empty()) sentences.push_back(run.state + ": " + run.message);
        for (const std::string& sentence : sentences) {
            fmt::print("{}{}\n", first ? "\n" : "",
                       wrapped(printable(fmt::format("{}: {}", run.name, sentence), std::string::npos), 0, line));
            first = false;
        }
    }
}

/// "37 runs: 2 running, 30 finished".
std::string count_text(const std::vector<RunSummary>& runs) {
    std::vector<std::pair<std::string, std::size_t>> counts;
    for (const RunSummary& run : runs) {
        const auto place = std::ranges::find(counts, run.state, &std::pair<std::string, std::size_t>::first);
        if (place == counts.end())
            counts.emplace_back(run.state, 1);
        else
            ++place->second;
    }
    std::string text;
    for (const auto& [state, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, state);
    return fmt::format("{} run{}: {}", runs.size(), runs.size() == 1 ? "" : "s", text);
}

void print_table(const std::vector<RunSummary>& runs) {
    std::vector<Row> rows(1);
    for (std::size_t i = 0; i < columns.size(); ++i) rows[0][i] = columns[i].heading;
    for (const RunSummary& run : runs) {
        Row& row = rows.emplace_back();
        for (std::size_t i = 0; i < columns.size(); ++i) row[i] = columns[i].text(run);
        for (std::string& text : row) text = printable(text, std::string::npos);
    }
    const std::size_t line = report::Screen(STDOUT_FILENO).columns();
    const Widths widths = widths_of(rows, line);
    for (const Row& row : rows) print(row, widths);
    print_troubles(runs, line);
    fmt::print("\n{}\n", count_text(runs));
}

std::string json_of(const RunSummary& run) {
    const auto of = [](const auto& known) {
        using Number = std::conditional_t<std::is_same_v<decltype(*known), const double&>, double, std::int64_t>;
        return known ? report::Value(static_cast<Number>(*known)) : report::Value();
    };
    const auto of_text = [](const std::string& text) { return text.empty() ? report::Value() : report::Value(text); };
    const std::vector<std::string_view> problems(run.problems.begin(), run.problems.end());
    return report::object_text({{"run", run.name},
                                {"folder", run.folder.string()},
                                {"model", of_text(run.model)},
                                {"state", run.state},
                                {"epoch", of(run.epoch)},
                                {"epochs", of(run.epochs)},
                                {"best_validation_elbo", of(run.best)},
                                {"best_epoch", of(run.best_epoch)},
                                {"samples_per_second", of(run.samples_per_second)},
                                {"age_seconds", run.age},
                                {"message", of_text(run.message)},
                                {"problems", of_text(joined(problems, "; "))}});
}

/// A list with an object a line.
void print_json(const std::vector<RunSummary>& runs) {
    std::string text;
    for (const RunSummary& run : runs) {
        text += (text.empty() ? "\n" : ",\n") + json_of(run);
        text.pop_back(); // the object's newline
    }
    fmt::print("[{}]\n", text.empty() ? text : text + "\n");
}

} // namespace

std::vector<std::string_view> run_columns() {
    std::vector<std::string_view> names;
    for (const Column& column : columns) names.push_back(column.name);
    return names;
}

Exit runs(const RunsOptions& options) {
    column_of(options.sort); // before anything is looked for
    return on_first_process([&] {
        std::vector<RunSummary> found = training::find_runs(options.folder);
        sort(found, options);
        if (options.json)
            print_json(found);
        else if (found.empty())
            fmt::print("{}: no runs in it\n", options.folder);
        else
            print_table(found);
    });
}

} // namespace elbo::commands
