// The program's operator new (ISO C++ [replacement.functions]): the library's, and a look at a flag.
#include "commands/allocations.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

// Where the program itself lies in memory: set by the linker (man 3 end).
extern "C" char __executable_start, etext;

// Address sanitizers have an operator new of their own, which must match what libraries give back: nothing is counted.
#if defined(__SANITIZE_ADDRESS__)
#define ELBO_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ELBO_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef ELBO_COUNTS_ALLOCATIONS
#define ELBO_COUNTS_ALLOCATIONS 1
#endif

namespace {

[[maybe_unused]] constexpr std::size_t large_bytes = 4096;

std::atomic<bool> counting = false;
std::atomic<std::uint64_t> all = 0, own = 0, large = 0, largest = 0;

#if ELBO_COUNTS_ALLOCATIONS
void count(std::size_t bytes, const void* caller) {
    all.fetch_add(1, std::memory_order_relaxed);
    if (caller >= &__executable_start && caller < &etext) own.fetch_add(1, std::memory_order_relaxed);
    if (bytes > large_bytes) large.fetch_add(1, std::memory_order_relaxed);
    std::uint64_t most = largest.load(std::memory_order_relaxed);
    while (bytes > most && !largest.compare_exchange_weak(most, bytes, std::memory_order_relaxed)) {
    }
}

void* allocate(std::size_t bytes, const void* caller) {
    if (counting.load(std::memory_order_relaxed)) count(bytes, caller);
    for (;;) {
        if (void* const memory = std::malloc(std::max<std::size_t>(1, bytes))) return memory;
        const std::new_handler handler = std::get_new_handler();
        if (!handler) throw std::bad_alloc();
        handler();
    }
}
#endif

} // namespace

#if ELBO_COUNTS_ALLOCATIONS
void* operator new(std::size_t bytes) { return allocate(bytes, __builtin_return_address(0)); }
void* operator new[](std::size_t bytes) { return allocate(bytes, __builtin_return_address(0)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace elbo::commands {

void count_allocations() {
    all = own = large = largest = 0;
    counting = true;
}

Allocations counted_allocations() {
    counting = false;
    return {all, own, large, largest};
}

} // namespace elbo::commands
