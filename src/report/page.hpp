// The report of runs: one HTML file that needs neither network nor server. Its data is one block of JSON, which scripts
// in the page draw (report/page/); the texts of those are parts of the program.
#pragma once

#include "report/run_record.hpp"

#include <span>
#include <string>
#include <string_view>

namespace elbo::report {

/// Files of report/page/ and the plotting library, as cmake/Embed.cmake puts them in.
std::string_view page_template();
std::string_view page_style();
std::string_view page_script();
std::string_view chart_library();
std::string_view chart_licence();

/// What comes from the runs stands in the JSON alone, and none of its characters can end the block.
std::string page_text(std::span<const RunRecord> runs, std::string_view version);

} // namespace elbo::report
