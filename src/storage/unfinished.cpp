// The handler does what is allowed in one: it unlinks, and has the signal do what it does by default.
#include "storage/unfinished.hpp"

#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace elbo::storage {

namespace {

struct Place {
    std::atomic<bool> taken{false}, ready{false};
    std::array<char, PATH_MAX> name{};
};
static_assert(std::atomic<bool>::is_always_lock_free);

std::array<Place, 8> places;

extern "C" void remove_and_end(int signal) {
    for (const Place& place : places)
        if (place.ready) ::unlink(place.name.data());
    std::signal(signal, SIG_DFL);
    std::raise(signal); // delivered as soon as this handler returns
}

void take_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
        struct sigaction action {};
        if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
        action = {};
        action.sa_handler = remove_and_end;
        sigemptyset(&action.sa_mask);
        sigaction(signal, &action, nullptr);
    }
}

} // namespace

Unfinished::Unfinished(const std::filesystem::path& path) {
    const std::string& name = path.native();
    if (name.size() >= PATH_MAX) return;
    take_signals();
    for (std::size_t i = 0; i < places.size() && place_ < 0; ++i) {
        if (places[i].taken.exchange(true)) continue;
        std::memcpy(places[i].name.data(), name.c_str(), name.size() + 1);
        places[i].ready = true;
        place_ = static_cast<int>(i);
    }
}

Unfinished::~Unfinished() {
    if (place_ < 0) return;
    Place& place = places[static_cast<std::size_t>(place_)];
    place.ready = false;
    place.taken = false;
}

} // namespace elbo::storage
