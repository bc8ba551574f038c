// Cache lines asked for ahead of their turn.
#pragma once

namespace elbo {

/// To be read.
inline void fetch(const void* address) { __builtin_prefetch(address); }

/// To be written: takes the line from other cores' caches too, which a plain prefetch leaves to the store. Where ranks
/// update values that all of a node have read, that is most of an update's time.
inline void fetch_to_write(void* address) {
#if defined(__x86_64__)
    asm volatile("prefetchw (%0)" : : "r"(address)); // does nothing on CPUs before 2014
#else
    __builtin_prefetch(address, 1);
#endif
}

} // namespace elbo
