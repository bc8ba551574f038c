# Puts the page of `elbo report` into the program: its own files, scripts in the order in which they stand in it, and
# the plotting library.
set(page ${PROJECT_SOURCE_DIR}/src/report/page)
set(scripts basics scale zoom plot curves curve_kinds latents pictures tables main)
list(TRANSFORM scripts PREPEND ${page}/)
list(TRANSFORM scripts APPEND .js)
list(JOIN scripts "+" joined_scripts)
set(names page_template page_style page_script chart_library chart_licence)
set(files ${page}/page.html ${page}/page.css ${joined_scripts} ${CHART_JS} ${page}/chart-licence.txt)
set(embedded ${CMAKE_BINARY_DIR}/report_page.cpp)
add_custom_command(OUTPUT ${embedded}
  COMMAND ${CMAKE_COMMAND} "-DOUT=${embedded}" "-DNAMES=${names}" "-DFILES=${files}" -P ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake
  DEPENDS ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake ${page}/page.html ${page}/page.css ${scripts} ${CHART_JS} ${page}/chart-licence.txt
  COMMENT "Embedding the report's page" VERBATIM)
target_sources(elbo_report PRIVATE ${embedded})
set_source_files_properties(${embedded} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
