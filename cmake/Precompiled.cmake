# Of a source's time in the compiler about half goes into the headers of the standard library and fmt: here they are compiled
# once for the program and once, with GoogleTest, for the tests. Only these: no library leaves its room.
# Off unless asked for (tests/run.sh does): only without it each source shows that it includes what it needs, and ccache
# keeps what was compiled with it only where CCACHE_SLOPPINESS holds pch_defines,time_macros.
option(ELBO_PRECOMPILE "Compile the headers of the standard library and fmt once, and a folder's sources together" OFF)

# GCC takes what comes out of a precompiled header for the project's own code, in which it then finds more of the false
# alarms on std::string's operator+ (GCC bug 105651). Builds without one look for real ones (tests/run.sh --full has some).
if(ELBO_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-array-bounds -Wno-stringop-overflow)
endif()

set(elbo_precompiled_headers <algorithm> <array> <atomic> <bit> <charconv> <chrono> <cmath> <condition_variable> <cstdio> <cstring>
  <filesystem> <fstream> <functional> <limits> <map> <memory> <mutex> <numeric> <optional> <set> <span> <sstream> <string>
  <string_view> <thread> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)

# elbo_precompile(<target> [<header> ...]): its sources begin with these headers and the ones above.
function(elbo_precompile target)
  if(ELBO_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${elbo_precompiled_headers} ${ARGN})
  endif()
endfunction()

# elbo_precompiled_as(<target> <other>): as those of another target, which has the same options.
function(elbo_precompiled_as target other)
  if(ELBO_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${other})
  endif()
endfunction()

# elbo_together(<target> [<source> ...]): where headers are compiled once, so are sources, eight in one go, which takes a third
# of the time. Apart stay those named, whose private names other sources of the folder have too, and those that Highway
# compiles once for each instruction set.
function(elbo_together target)
  if(NOT ELBO_PRECOMPILE)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} for_each_target REGEX "HWY_TARGET_INCLUDE" LIMIT_COUNT 1)
    if(name IN_LIST ARGN OR for_each_target)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${elbo_sources_at_once})
endfunction()
set(elbo_sources_at_once 8 CACHE STRING "of one compilation, with ELBO_PRECOMPILE; 0: all of a folder")
mark_as_advanced(elbo_sources_at_once)
