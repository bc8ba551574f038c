# The libraries elbo stands on, each as one target elbo::<name>, found where Debian, a module system
# or CMAKE_PREFIX_PATH has them. What is missing is collected and reported at once, by Debian's names.
set(elbo_missing "")
set(elbo_missing_packages "")

macro(elbo_note_missing name package)
  list(APPEND elbo_missing ${name})
  list(APPEND elbo_missing_packages ${package})
endmacro()

# elbo_find(<debian package> <find_package arguments>)
macro(elbo_find package name)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    elbo_note_missing(${name} "${package}")
  endif()
endmacro()

function(elbo_library name target)
  add_library(elbo_${name}_library INTERFACE)
  target_link_libraries(elbo_${name}_library INTERFACE ${target})
  add_library(elbo::${name} ALIAS elbo_${name}_library)
endfunction()

macro(elbo_pkg_library name module package)
  if(PkgConfig_FOUND)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
  endif()
  if(NOT ${name}_FOUND)
    elbo_note_missing(${module} "${package}")
  endif()
  elbo_library(${name} PkgConfig::${name})
endmacro()

elbo_find(pkg-config PkgConfig)
find_package(Threads REQUIRED)
elbo_find(libfmt-dev fmt)

# Debian's oneDNN asks for OpenCL, which its package does not bring along.
elbo_find("libdnnl-dev;ocl-icd-opencl-dev" dnnl)
elbo_library(onednn DNNL::dnnl)

elbo_find("libopenmpi-dev;openmpi-bin" MPI COMPONENTS C)
elbo_library(mpi MPI::MPI_C)
target_compile_definitions(elbo_mpi_library INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX) # the C API alone

elbo_find(libhdf5-dev HDF5 COMPONENTS C)
add_library(elbo_hdf5_library INTERFACE)
target_include_directories(elbo_hdf5_library SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_compile_definitions(elbo_hdf5_library INTERFACE ${HDF5_C_DEFINITIONS})
target_link_libraries(elbo_hdf5_library INTERFACE ${HDF5_C_LIBRARIES})
add_library(elbo::hdf5 ALIAS elbo_hdf5_library)

elbo_find(libyaml-cpp-dev yaml-cpp)
elbo_library(yaml yaml-cpp)

elbo_find(libcli11-dev CLI11)
elbo_library(cli11 CLI11::CLI11)

elbo_find(nlohmann-json3-dev nlohmann_json)
elbo_library(json nlohmann_json::nlohmann_json)

elbo_find(zlib1g-dev ZLIB)
elbo_library(zlib ZLIB::ZLIB)

elbo_pkg_library(spng spng libspng-dev)
elbo_pkg_library(turbojpeg libturbojpeg libturbojpeg0-dev)
elbo_pkg_library(lzma liblzma liblzma-dev)
elbo_pkg_library(archive libarchive libarchive-dev)
elbo_pkg_library(xxhash libxxhash libxxhash-dev)
elbo_pkg_library(highway libhwy libhwy-dev)
# Kernels are compiled for the baseline, AVX2 and AVX-512, not for the eras between (x86: bits 0 to 13 of
# Highway's targets) nor for scalable vectors (ARM: bits 24 to 27), whose types have no operators.
target_compile_definitions(elbo_highway_library INTERFACE
  "HWY_DISABLED_TARGETS=((0x3FFF&~(HWY_AVX2|HWY_AVX3))|0xF000000)")
# A product and a sum fuse only where the code says so: no bit depends on what the compiler makes of a loop.
target_compile_options(elbo_highway_library INTERFACE -ffp-contract=off)
# Intel's CPUs from Skylake to Cascade Lake decode a branch anew each time it is met where it crosses or ends at a
# boundary of 32 bytes (erratum SKX102): a short loop was 20 % slower or not with any change elsewhere in its file.
include(CheckCXXCompilerFlag)
foreach(flag -mbranches-within-32B-boundaries -Wa,-mbranches-within-32B-boundaries)
  string(MAKE_C_IDENTIFIER "ELBO_HAS${flag}" has_flag)
  check_cxx_compiler_flag(${flag} ${has_flag})
  if(${has_flag})
    target_compile_options(elbo_highway_library INTERFACE ${flag})
    break()
  endif()
endforeach()

elbo_find(libeigen3-dev Eigen3)

find_path(CSV_INCLUDE_DIR csv.h)
find_library(CSV_LIBRARY csv)
if(NOT CSV_INCLUDE_DIR OR NOT CSV_LIBRARY)
  elbo_note_missing(libcsv libcsv-dev)
endif()
add_library(elbo_csv_library INTERFACE)
target_include_directories(elbo_csv_library SYSTEM INTERFACE ${CSV_INCLUDE_DIR})
target_link_libraries(elbo_csv_library INTERFACE ${CSV_LIBRARY})
add_library(elbo::csv ALIAS elbo_csv_library)

find_path(RANDOM123_INCLUDE_DIR Random123/philox.h)
if(NOT RANDOM123_INCLUDE_DIR)
  elbo_note_missing(Random123 librandom123-dev)
endif()
add_library(elbo_random123_library INTERFACE)
target_include_directories(elbo_random123_library SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR})
add_library(elbo::random123 ALIAS elbo_random123_library)

# The plotting library of `elbo report`, a text that becomes a part of the program. Prefixes hold it in share/.
set(chart_folders ${CMAKE_PREFIX_PATH} /usr /usr/local)
list(TRANSFORM chart_folders APPEND /share)
find_file(CHART_JS chart.min.js PATHS ${chart_folders} PATH_SUFFIXES javascript/chart.js nodejs/chart.js/dist NO_DEFAULT_PATH)
if(NOT CHART_JS)
  elbo_note_missing(Chart.js libjs-chart.js)
endif()

# Event files for TensorBoard: messages that protoc compiles, and their checksums. Newer protobufs have a CMake package of
# their own, which alone knows what they need.
set(CMAKE_FIND_PACKAGE_PREFER_CONFIG ON)
elbo_find("libprotobuf-dev;protobuf-compiler" Protobuf)
set(CMAKE_FIND_PACKAGE_PREFER_CONFIG OFF)
if(Protobuf_FOUND AND NOT TARGET protobuf::protoc)
  elbo_note_missing(protoc protobuf-compiler)
endif()
elbo_pkg_library(isal libisal libisal-dev)

# The one that elbo does without where it is missing: then `elbo export` writes no ONNX files, and says so.
find_path(ONNX_INCLUDE_DIR onnx/onnx-ml.pb.h)
find_library(ONNX_PROTO_LIBRARY onnx_proto)
if(ONNX_INCLUDE_DIR AND ONNX_PROTO_LIBRARY)
  add_library(elbo_onnx_library INTERFACE)
  target_include_directories(elbo_onnx_library SYSTEM INTERFACE ${ONNX_INCLUDE_DIR})
  target_compile_definitions(elbo_onnx_library INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
  target_link_libraries(elbo_onnx_library INTERFACE ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf)
  add_library(elbo::onnx ALIAS elbo_onnx_library)
else()
  message(STATUS "No libonnx (Debian: libonnx-dev): elbo export will not write ONNX files")
endif()

if(ELBO_TESTS)
  elbo_find("libgtest-dev;libgmock-dev" GTest)
  elbo_find(python3 Python3 COMPONENTS Interpreter)
endif()

if(elbo_missing)
  list(JOIN elbo_missing ", " names)
  list(JOIN elbo_missing_packages " " packages)
  message(FATAL_ERROR "Not found: ${names}.\nOn Debian and Ubuntu:\n  apt-get install ${packages}\n"
    "Installed elsewhere: load its module, or name its folder in CMAKE_PREFIX_PATH.")
endif()
