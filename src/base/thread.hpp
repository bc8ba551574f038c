// Threads of elbo's own beside the main one: started without its signals, and refused in words that help.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace elbo {

/// A thread that runs `work` and never gets a signal of another process's or a terminal's: those are the main thread's.
/// purpose: "to write checkpoints". Throws Error with it where the system starts no thread.
std::thread start_thread(const std::string& purpose, std::function<void()> work);

} // namespace elbo
