# shellcheck shell=bash
# What a machine needs to build, run and test elbo, and how it comes there. Sourced by quickstart.sh and tests/run.sh.

# Names of Debian 12, Debian 13 and Ubuntu 24.04.
# shellcheck disable=SC2034  # lists for the scripts that source this one
{
    build_packages=(g++ cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libdnnl-dev libhdf5-dev libyaml-cpp-dev
        ocl-icd-opencl-dev libcli11-dev libfmt-dev nlohmann-json3-dev librandom123-dev libspng-dev libturbojpeg0-dev libxxhash-dev
        libhwy-dev zlib1g-dev liblzma-dev libarchive-dev libcsv-dev libeigen3-dev libprotobuf-dev protobuf-compiler libisal-dev
        libonnx-dev libjs-chart.js)
    test_packages=(dpkg-dev file libgtest-dev libgmock-dev libbenchmark-dev hdf5-tools clang-format clang-tidy shellcheck python3
        python3-venv python3-h5py python3-numpy python3-pil python3-pandas iproute2 util-linux ccache)
    full_test_packages=(clang slurm-wlm munge mpich libmpich-dev)
    browser_packages=(chromium chromium-driver python3-selenium) # Debian's: Ubuntu has Chromium as a snap alone
    emulator_packages=(bochs bochs-term bochsbios vgabios busybox-static grub-common grub-pc-bin xorriso mtools)
}

# Prints those of the given packages that dpkg does not hold as installed, on one line.
missing_packages() {
    local package names=''
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || names+=" $package"
    done
    echo "${names# }"
}

# True where cmake configures elbo with these arguments: the libraries may come from modules or CMAKE_PREFIX_PATH.
configures() {
    local root=$1 scratch status=0
    shift
    scratch=$(mktemp -d)
    if command -v ninja >/dev/null; then set -- -G Ninja "$@"; fi
    cmake -S "$root" -B "$scratch" "$@" >"$scratch/log" 2>&1 || status=$?
    configure_log=$(tail -n 20 "$scratch/log")
    rm -rf "$scratch"
    return "$status"
}

# Sets as_root to what makes a command root's, without a question where nobody can answer one: empty for root; sudo
# where it needs no password, or where a user who may use it sits at a terminal. Fails where there is no such way.
find_root() {
    as_root=()
    if [ "$(id -u)" -eq 0 ]; then return 0; fi
    command -v sudo >/dev/null || return 1
    as_root=(sudo)
    if sudo -n true 2>/dev/null; then return 0; fi
    [ -t 0 ] && id -nG | grep -qwE 'sudo|wheel|admin'
}

install_packages() {
    local apt=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -qq -o DPkg::Lock::Timeout=300)
    # Lists that cannot be refreshed may still be good enough; if not, the installation says so.
    "${as_root[@]}" "${apt[@]}" update </dev/null || true
    "${as_root[@]}" "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >/dev/null
}

# prepare_machine ROOT CMAKE-ARGUMENT PACKAGE...: installs what is missing, or says what to do and fails.
prepare_machine() {
    local root=$1 argument=$2 debian='' missing=''
    shift 2
    if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
        debian=yes
        missing=$(missing_packages "$@")
        if [ -z "$missing" ]; then return 0; fi
    fi
    # Clusters hold libraries as modules that dpkg knows nothing of, so a user who is not root asks cmake first.
    if { [ -z "$debian" ] || [ "$(id -u)" -ne 0 ]; } && configures "$root" "$argument"; then
        echo "libraries: found by cmake"
        return 0
    fi
    if [ -n "$debian" ] && find_root; then
        echo "installing: $missing"
        # shellcheck disable=SC2086  # a list of words
        install_packages $missing && return 0
        echo "installing packages failed; apt-get's own message stands above." >&2
        return 1
    fi
    explain "${missing:-$*}" >&2
    return 1
}

explain() {
    cat <<TEXT
elbo needs libraries that this machine does not have or that cmake does not find. Either an administrator runs
  apt-get install -y $1
or, where they are installed elsewhere (a cluster's modules, your home folder), make them known and start again:
  module load gcc cmake openmpi hdf5 onednn        # names differ from site to site: module avail
  export CMAKE_PREFIX_PATH=/path/to/one:/path/to/another
What cmake said last:
${configure_log:-nothing: it was not asked}
TEXT
}

# The program: ELBO, or the one built beside launch/, or the one on PATH. Fails, and says what to do, where there is none.
find_elbo() {
    local built=$1/build/elbo
    elbo=${ELBO:-$built}
    if [ -z "${ELBO:-}" ] && ! [ -x "$built" ]; then elbo=$(command -v elbo || echo "$built"); fi
    if [ -x "$elbo" ]; then return 0; fi
    echo "${0##*/}: no program at $elbo and none on PATH: build it (launch/quickstart.sh does), or set ELBO" >&2
    return 1
}

# Physical cores of a kernel's list of processors ("0-3,8"): hyperthreads of a core count once.
physical_cores() {
    local range processor first last
    for range in ${1//,/ }; do
        first=${range%-*} last=${range#*-}
        for ((processor = first; processor <= last; ++processor)); do
            cat "/sys/devices/system/cpu/cpu$processor/topology/thread_siblings_list" 2>/dev/null || echo "$processor"
        done
    done | sort -u | wc -l
}

# Physical cores that this process may use: within its affinity, and no more than its container's share of time.
available_cores() {
    local cores quota period
    cores=$(physical_cores "$(awk '/^Cpus_allowed_list/ {print $2}' /proc/self/status)")
    if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [ "$quota" != max ]; then
        quota=$(((quota + period - 1) / period))
        if [ "$quota" -lt "$cores" ]; then cores=$quota; fi
    fi
    echo "$cores"
}
